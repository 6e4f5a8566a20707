// Appending writes first and shows afterwards; searching copies handles and then looks. Loading and
// what the builders do are in stored_space_lists.cc.
#include "storage/index/stored_space.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "storage/index/top_k.h"

namespace mixmatch {
namespace {

constexpr size_t kBlockBytesMax = 1 << 20;
constexpr absl::Duration kBuildAwaited = absl::Seconds(20);
// So many at once in the background: a space is filled from what is stored. That need not be in the
// write-ahead log, whose every byte an acknowledgement's sync waits for: after a crash the space
// ends where its family was flushed, its cursor too, and is filled on from there.
constexpr size_t kBulkItems = 256;

bool AllFinite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}  // namespace

StoredSpace::StoredSpace(Generation generation, size_t dimension, SpaceStore store,
                         const IndexOptions& options)
    : generation_(generation),
      dimension_(dimension),
      store_(std::move(store)),
      options_(options),
      // A search looks into every segment that is not merged: where merging falls behind for long,
      // whoever asks pays twice as much until it is made up for.
      merger_(
          "lists", ThreadPriority::kBehind, options,
          [this](bool idle) { return NextToMerge(idle); },
          [this](const ListsBuilder::Job& job, const std::shared_ptr<const Lists>& lists) {
            Install(job, lists);
          }),
      // Until a segment is sealed every search looks at all of its rows: where many come and the
      // machine is full, whoever asks pays for what is not sealed.
      sealer_(
          "seal", ThreadPriority::kBehind, options, [this](bool /*idle*/) { return NextToSeal(); },
          [this](const ListsBuilder::Job& job, const std::shared_ptr<const Lists>& lists) {
            Install(job, lists);
            merger_.Wake();
          }) {}

SpaceCursor StoredSpace::cursor() const {
  const absl::MutexLock lock(&cursor_mu_);
  return cursor_;
}

absl::Status StoredSpace::CheckAppend(std::span<const EmbeddedItem> items,
                                      std::span<const float> vectors) const {
  if (vectors.size() != items.size() * dimension_) {
    return absl::InvalidArgumentError(
        absl::StrCat("embeddings refused: ", vectors.size(), " numbers for ", items.size(),
                     " items of ", dimension_, " dimensions; give one vector for each item"));
  }
  if (!AllFinite(vectors)) {
    return absl::InvalidArgumentError(
        "embeddings refused: a number is not finite; check the encoder's weights");
  }
  if (retired_) {
    return absl::FailedPreconditionError(absl::StrCat(
        "embeddings refused: generation ", generation_, " is dropped; append to another"));
  }
  return absl::OkStatus();
}

std::vector<Block> StoredSpace::MakeBlocks(std::span<const EmbeddedItem> items,
                                           std::span<const float> vectors) const {
  const size_t rows_max = std::max<size_t>(1, kBlockBytesMax / (dimension_ * sizeof(float) + 8));
  std::map<ModalityId, uint64_t> next_row;
  {
    const absl::MutexLock lock(&mu_);
    for (const auto& [partition, segments] : partitions_) {
      const Segment& last = segments.back();
      next_row[partition] = last.first_row() + last.count;
    }
  }
  std::vector<Block> blocks;
  std::map<ModalityId, size_t> open;  // the block that takes a partition's next row
  for (size_t i = 0; i < items.size(); ++i) {
    const ModalityId partition = items[i].partition;
    const auto [found, added] = open.try_emplace(partition, blocks.size());
    if (added || blocks[found->second].items.size() == rows_max) {
      found->second = blocks.size();
      blocks.push_back({.place = {.partition = partition, .first_row = next_row[partition]},
                        .items = {},
                        .vectors = {}});
    }
    Block& block = blocks[found->second];
    block.items.push_back(items[i].item);
    const auto vector = vectors.subspan(i * dimension_, dimension_);
    block.vectors.insert(block.vectors.end(), vector.begin(), vector.end());
    ++next_row[partition];
  }
  return blocks;
}

absl::Status StoredSpace::Append(std::span<const EmbeddedItem> items,
                                 std::span<const float> vectors, SpaceCursor next,
                                 bool background) {
  MM_RETURN_IF_ERROR(CheckAppend(items, vectors));
  // One after the other: where cores are few, both at once leave none to those who ask and store.
  if (background) {
    const absl::Time until = SteadyNow() + kBuildAwaited;
    sealer_.AwaitBuilt(kBuildAwaited);
    merger_.AwaitBuilt(std::max(absl::ZeroDuration(), until - SteadyNow()));
  }
  // A little of it between what is bulk is not worth a flush.
  const bool in_bulk = background && (items.size() >= kBulkItems || !logged_);
  const absl::MutexLock append_lock(&append_mu_);
  if (in_bulk) {
    logged_ = false;
  } else {
    MM_RETURN_IF_ERROR(FlushUnlogged());
  }
  const std::vector<Block> blocks = MakeBlocks(items, vectors);
  const WriteMode mode = background ? WriteMode::kBackground : WriteMode::kBuffered;
  MM_RETURN_IF_ERROR(store_.WriteBlocks(blocks, next, in_bulk ? WriteMode::kUnlogged : mode));
  for (const Block& block : blocks) {
    for (size_t done = 0; done < block.items.size();) done += AddRows(block, done, nullptr);
  }
  const absl::MutexLock lock(&cursor_mu_);
  cursor_ = next;
  return absl::OkStatus();
}

absl::Status StoredSpace::FlushUnlogged() {
  if (logged_) return absl::OkStatus();
  MM_RETURN_IF_ERROR(store_.Flush());
  logged_ = true;
  return absl::OkStatus();
}

absl::Status StoredSpace::Flush() {
  const absl::MutexLock append_lock(&append_mu_);
  return FlushUnlogged();
}

size_t StoredSpace::AddRows(const Block& block, size_t done, const ListsRows* stored) {
  std::shared_ptr<Rows> rows;  // those that grow; null where there are none
  {
    const absl::MutexLock lock(&mu_);
    const std::vector<Segment>& segments = partitions_[block.place.partition];
    if (!segments.empty() && !segments.back().full()) rows = segments.back().rows;
  }
  if (rows == nullptr) {
    const keys::RowKey place{.partition = block.place.partition,
                             .first_row = block.place.first_row + done};
    rows = std::make_shared<Rows>(place.first_row, CapacityAt(place, stored), dimension_);
    const absl::MutexLock lock(&mu_);
    partitions_[block.place.partition].push_back({.rows = rows, .lists = nullptr, .count = 0});
  }
  // Nobody sees these rows before the count below says so.
  const size_t n = std::min(block.items.size() - done, rows->capacity() - rows->size());
  rows->Append(std::span(block.items).subspan(done, n), block.vectors.data() + done * dimension_);
  {
    const absl::MutexLock lock(&mu_);
    partitions_[block.place.partition].back().count = rows->size();
  }
  count_ += n;  // after the rows are seen: whoever counts them finds them
  if (rows->size() == rows->capacity() && stored == nullptr) sealer_.Wake();
  return n;
}

absl::Status StoredSpace::Read(ModalityId partition, ItemId item, std::span<float> out) const {
  // Percepts are appended in the order of the log, so their items rise.
  Segment segment;
  {
    const absl::MutexLock lock(&mu_);
    const auto found = partitions_.find(partition);
    if (found != partitions_.end()) {
      auto at = std::upper_bound(
          found->second.begin(), found->second.end(), item,
          [](ItemId wanted, const Segment& s) { return s.count == 0 || wanted < s.item(0); });
      if (at != found->second.begin()) segment = *std::prev(at);
    }
  }
  size_t low = 0;
  size_t high = segment.count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (segment.item(middle) < item) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == segment.count || segment.item(low) != item) {
    return absl::NotFoundError(
        absl::StrCat("embedding not found: event ", item.seq(), " is not embedded yet"));
  }
  segment.Read(low, out);
  return absl::OkStatus();
}

void StoredSpace::Segment::Read(size_t row, std::span<float> out) const {
  // As lists have it, before they are built too: what is read does not depend on when that was.
  if (rows != nullptr) {
    rows->codes().Decode(row, out.data());
  } else {
    lists->Decode(row, out.data());
  }
}

absl::Status StoredSpace::ReadFound(const Neighbour& found, std::span<float> out) const {
  Segment segment;
  {
    const absl::MutexLock lock(&mu_);
    const auto segments = partitions_.find(found.partition);
    if (segments != partitions_.end()) {
      const auto behind =
          std::upper_bound(segments->second.begin(), segments->second.end(), found.row,
                           [](uint64_t row, const Segment& s) { return row < s.first_row(); });
      if (behind != segments->second.begin()) segment = *std::prev(behind);
    }
  }
  const bool here = (segment.rows != nullptr || segment.lists != nullptr) &&
                    found.row - segment.first_row() < segment.count &&
                    segment.item(found.row - segment.first_row()) == found.item;
  if (!here || out.size() != dimension_) {
    return absl::InvalidArgumentError(
        absl::StrCat("embedding not read: row ", found.row,
                     " is not what this space found; pass on what its search gave"));
  }
  segment.Read(found.row - segment.first_row(), out);
  return absl::OkStatus();
}

absl::StatusOr<SearchResult> StoredSpace::Search(std::span<const ModalityId> partitions,
                                                 std::span<const float> query, size_t k,
                                                 const std::vector<Seq>* allowed,
                                                 size_t equal_max) const {
  if (query.size() != dimension_) {
    return absl::InvalidArgumentError(absl::StrCat("search refused: a query of ", query.size(),
                                                   " dimensions; this space has ", dimension_));
  }
  if (!AllFinite(query)) {
    return absl::InvalidArgumentError(
        "search refused: a number of the query is not finite; send finite numbers");
  }
  const std::set<ModalityId> wanted(partitions.begin(), partitions.end());
  std::vector<Part> parts;
  size_t total = 0;
  {
    const absl::MutexLock lock(&mu_);
    for (const ModalityId partition : wanted) {
      const auto found = partitions_.find(partition);
      if (found == partitions_.end()) continue;
      for (const Segment& segment : found->second) {
        parts.push_back({partition, segment});
        total += segment.count;
      }
    }
  }
  SearchResult result;
  k = std::min(k, total);
  TopK nearest(k);
  bool exact = true;
  if (k > 0) {
    const CodeQuery codes(query);
    // The newest are the fewest: what they hold makes it easier to pass over the rest.
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      const Segment& segment = part->segment;
      if (segment.rows != nullptr) {
        result.candidate_count +=
            segment.rows->Scan(segment.count, codes, part->partition, allowed, nearest);
        continue;
      }
      const Lists::Outcome outcome = segment.lists->Search(codes, {.k = k, .equal_max = equal_max},
                                                           part->partition, allowed, nearest);
      result.candidate_count += outcome.compared;
      exact = exact && outcome.exact;
    }
  }
  result.plan = exact ? "exact" : "lists";
  if (allowed != nullptr) result.plan += "-filtered";
  result.neighbours = nearest.Take();
  return result;
}

}  // namespace mixmatch
