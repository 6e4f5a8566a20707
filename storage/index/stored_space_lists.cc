// Loading segments, and which of them become lists or are merged.
#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/base/thread_priority.h"
#include "storage/index/stored_space.h"

namespace mixmatch {
namespace {

// Segments whose rows differ by less than this factor are of one size.
constexpr size_t kTier = 4;

size_t TierOf(size_t rows, size_t sealed_at) {
  size_t tier = 0;
  for (size_t size = sealed_at * kTier; rows >= size; size *= kTier) ++tier;
  return tier;
}

}  // namespace

absl::Status StoredSpace::Load() {
  const ListsRows stored = store_.ReadListsRows();
  const absl::MutexLock append_lock(&append_mu_);
  MM_ASSIGN_OR_RETURN(const SpaceCursor cursor, store_.ReadCursor());
  MM_ASSIGN_OR_RETURN(const std::vector<ModalityId> partitions, store_.ReadPartitions());
  // Side by side: one thread has to read, decode and encode, and somebody waits for all of it.
  std::atomic<size_t> next = 0;
  const auto load = [&]() -> absl::Status {
    for (size_t i = next++; i < partitions.size(); i = next++) {
      MM_RETURN_IF_ERROR(LoadPartition(partitions[i], stored));
    }
    return absl::OkStatus();
  };
  const size_t threads = std::min<size_t>(partitions.size(), UsableCores());
  std::vector<std::future<absl::Status>> helpers;
  for (size_t i = 1; i < threads; ++i) helpers.push_back(std::async(std::launch::async, load));
  absl::Status loaded = load();
  for (std::future<absl::Status>& helper : helpers) loaded.Update(helper.get());
  MM_RETURN_IF_ERROR(loaded);
  {
    const absl::MutexLock lock(&cursor_mu_);
    cursor_ = cursor;
  }
  sealer_.Wake();
  merger_.Wake();
  return absl::OkStatus();
}

absl::Status StoredSpace::LoadPartition(ModalityId partition, const ListsRows& stored) {
  std::unique_ptr<Lists::Loader> lists;
  MM_RETURN_IF_ERROR(store_.ReadBlocks(
      partition, dimension_, [&](const Block& block) { LoadBlock(block, stored, lists); }));
  if (lists != nullptr) {
    return absl::DataLossError(
        "embeddings not loaded: rows that lists were built over are missing; embed again");
  }
  return absl::OkStatus();
}

size_t StoredSpace::CapacityAt(keys::RowKey place, const ListsRows* stored) const {
  if (stored == nullptr) return options_.seal_at;
  const auto lists = stored->lower_bound(place);
  if (lists == stored->end() || lists->first.partition != place.partition) return options_.seal_at;
  if (lists->first == place) return lists->second;  // damaged ones: built again over the same rows
  // Up to where the next lists begin, so that they keep their rows.
  return std::min<size_t>(options_.seal_at, lists->first.first_row - place.first_row);
}

std::unique_ptr<Lists::Loader> StoredSpace::LoaderAt(keys::RowKey place,
                                                     const ListsRows& stored) const {
  const auto found = stored.find(place);
  if (found == stored.end()) return nullptr;
  const absl::StatusOr<std::string> bytes = store_.ReadLists(place);
  if (!bytes.ok()) return nullptr;
  auto loader = Lists::Loader::Create(place.first_row, found->second, dimension_, options_, *bytes);
  return loader.ok() ? *std::move(loader) : nullptr;
}

void StoredSpace::LoadBlock(const Block& block, const ListsRows& stored,
                            std::unique_ptr<Lists::Loader>& lists) {
  const ModalityId partition = block.place.partition;
  for (size_t done = 0; done < block.items.size();) {
    if (lists == nullptr) {
      bool full = true;
      {
        const absl::MutexLock lock(&mu_);
        const std::vector<Segment>& segments = partitions_[partition];
        full = segments.empty() || segments.back().full();
      }
      if (full) {
        lists =
            LoaderAt({.partition = partition, .first_row = block.place.first_row + done}, stored);
      }
    }
    if (lists == nullptr) {
      done += AddRows(block, done, &stored);
      continue;
    }
    const size_t n = std::min(block.items.size() - done, lists->missing());
    lists->Append(std::span(block.items).subspan(done, n),
                  block.vectors.data() + done * dimension_);
    done += n;
    if (lists->missing() > 0) continue;
    const std::shared_ptr<const Lists> whole = std::exchange(lists, nullptr)->Take();
    count_ += whole->count();
    const absl::MutexLock lock(&mu_);
    partitions_[partition].push_back({.rows = nullptr, .lists = whole, .count = whole->count()});
  }
}

std::optional<ListsBuilder::Job> StoredSpace::NextToSeal() {
  const absl::MutexLock lock(&mu_);
  for (const auto& [partition, segments] : partitions_) {
    for (const Segment& segment : segments) {
      if (segment.rows == nullptr || !segment.full()) continue;
      if (segment.count < options_.lists_from) continue;
      if (given_up_.contains({partition, segment.first_row()})) continue;
      return ListsBuilder::Job{.partition = partition, .sources = {{segment.rows, nullptr}}};
    }
  }
  return std::nullopt;
}

size_t StoredSpace::MergedFrom(const std::vector<Segment>& segments, size_t end, bool idle) const {
  size_t rows = 0;
  size_t join = end;
  for (size_t first = end; first > 0 && rows + segments[first - 1].count <= options_.merge_max;) {
    const size_t count = segments[first - 1].count;
    const bool same = first == end || TierOf(count, options_.seal_at) ==
                                          TierOf(segments[end - 1].count, options_.seal_at);
    if (!idle && !same) break;
    if (idle && rows > 0 && rows * kTier < count) break;
    --first;
    rows += count;
    if (idle ? end - first >= 2 : end - first >= options_.merge_of) join = first;
  }
  return join;
}

std::optional<ListsBuilder::Job> StoredSpace::NextToMerge(bool idle) {
  const absl::MutexLock lock(&mu_);
  for (const auto& [partition, segments] : partitions_) {
    size_t listed = 0;  // segments from the first on that are lists, one behind the other
    while (listed < segments.size() && segments[listed].rows == nullptr) ++listed;
    // While idle, those before the last ones too, which may be too small to be merged with them.
    for (size_t end = listed; end > 0; --end) {
      const size_t join = MergedFrom(segments, end, idle);
      if (join < end && !given_up_.contains({partition, segments[join].first_row()})) {
        ListsBuilder::Job job{.partition = partition, .sources = {}};
        for (size_t i = join; i < end; ++i) job.sources.push_back({nullptr, segments[i].lists});
        return job;
      }
      if (!idle) break;
    }
  }
  return std::nullopt;
}

void StoredSpace::Install(const ListsBuilder::Job& job, const std::shared_ptr<const Lists>& lists) {
  const ListsSource& head = job.sources.front();
  const uint64_t first_row =
      head.rows != nullptr ? head.rows->first_row() : head.lists->first_row();
  const absl::MutexLock install_lock(&install_mu_);
  {
    const absl::MutexLock lock(&mu_);
    if (lists == nullptr) {
      given_up_.insert({job.partition, first_row});
      return;
    }
    // Those of the job change by this thread alone.
    std::vector<Segment>& segments = partitions_[job.partition];
    const auto begin =
        std::find_if(segments.begin(), segments.end(),
                     [first_row](const Segment& s) { return s.first_row() == first_row; });
    const auto end = begin + static_cast<ptrdiff_t>(job.sources.size());
    *begin = {.rows = nullptr, .lists = lists, .count = lists->count()};
    segments.erase(begin + 1, end);
  }
  // When this fails, the lists serve all the same and are built again at the next start. Lists over
  // rows that are not logged must not be either: they would come back without them.
  if (!retired_) {
    store_
        .WriteLists({.partition = job.partition, .first_row = first_row}, lists->count(),
                    lists->Serialize(), logged_ ? WriteMode::kBackground : WriteMode::kUnlogged)
        .IgnoreError();
  }
}

}  // namespace mixmatch
