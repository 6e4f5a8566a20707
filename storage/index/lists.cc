// Searching, and the bytes that lists are stored as. Building is in lists_build.cc.
#include "storage/index/lists.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/records.pb.h"

namespace mixmatch {
namespace {

// So many allowed rows, or fewer, are compared one by one: that is faster than to look for them
// through lists, and misses nothing.
constexpr size_t kFewRows = 16384;
// A filter hides neighbours in lists that were looked through: the fewer it lets pass, the more are
// looked through.
constexpr size_t kProbesUnderFilter = 4;
// A search ends early after this part of its lists without a gain: among a million clustered
// embeddings a fifth takes two thirds of the time of two fifths, for 0.004 of recall (0.992).
constexpr size_t kPatience = 1;
constexpr size_t kPatienceOf = 5;
// Evenly spaced rows that tell how many pass a filter.
constexpr size_t kRowsLookedAt = 1024;

constexpr uint32_t kSign = uint32_t{1} << 31;

absl::Status Damaged(const char* fact) {
  return absl::DataLossError(absl::StrCat("lists not read: ", fact, "; they are built again"));
}

template <typename Values>
std::string ToBytes(const Values& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(values[0]));
}

// Bytes are a whole number of T by the caller's check.
template <typename T>
void FromBytes(const std::string& bytes, std::vector<T>& values) {
  values.resize(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
}

bool Contains(const std::vector<Seq>& allowed, ItemId item) {
  return std::binary_search(allowed.begin(), allowed.end(), item.seq());
}

}  // namespace

Lists::Lists(uint64_t first_row, size_t count, size_t points, size_t dimension, size_t lists,
             const IndexOptions& options)
    : options_(options),
      first_row_(first_row),
      centres_(lists, dimension),
      list_begin_(lists + 1),
      codes_(points, dimension),
      items_(count),
      point_of_row_(count),
      point_rows_begin_(points + 1) {}

void Lists::IndexRows() {
  std::fill(point_rows_begin_.begin(), point_rows_begin_.end(), 0);
  for (const uint32_t point : point_of_row_) ++point_rows_begin_[point + 1];
  std::partial_sum(point_rows_begin_.begin(), point_rows_begin_.end(), point_rows_begin_.begin());
  point_rows_.resize(items_.size());
  std::vector<uint32_t> next(point_rows_begin_.begin(), point_rows_begin_.end() - 1);
  for (size_t row = 0; row < items_.size(); ++row) {
    point_rows_[next[point_of_row_[row]]++] = static_cast<uint32_t>(row);
  }
  if (std::is_sorted(items_.begin(), items_.end())) return;
  by_item_.resize(items_.size());
  std::iota(by_item_.begin(), by_item_.end(), 0);
  std::sort(by_item_.begin(), by_item_.end(),
            [this](uint32_t a, uint32_t b) { return items_[a] < items_[b]; });
  // Of equal rows those with the smallest items come first: a search stops after k of them.
  for (size_t point = 0; point < points(); ++point) {
    std::sort(point_rows_.begin() + point_rows_begin_[point],
              point_rows_.begin() + point_rows_begin_[point + 1],
              [this](uint32_t a, uint32_t b) { return items_[a] < items_[b]; });
  }
}

std::vector<uint32_t> Lists::Order(const CodeQuery& query, size_t sorted) const {
  const size_t lists = list_begin_.size() - 1;
  std::vector<uint32_t> order(lists);
  std::iota(order.begin(), order.end(), 0);
  if (sorted >= lists) return order;
  std::vector<float> similarities(lists);
  query.Coarse(centres_, lists, similarities.data());
  // Similarity and number in one number, the nearest the smallest: compared without a branch.
  std::vector<uint64_t> names(lists);
  for (size_t i = 0; i < lists; ++i) {
    const auto bits = std::bit_cast<uint32_t>(similarities[i]);
    const uint32_t falling = (bits & kSign) != 0 ? bits : ~(bits | kSign);
    names[i] = uint64_t{falling} << 32 | i;
  }
  const auto end = names.begin() + static_cast<ptrdiff_t>(sorted);
  std::nth_element(names.begin(), end, names.end());
  std::sort(names.begin(), end);
  // The rest is looked through only where these hold fewer than k rows.
  for (size_t i = 0; i < lists; ++i) order[i] = static_cast<uint32_t>(names[i]);
  return order;
}

Lists::Outcome Lists::SearchRows(const CodeQuery& query, ModalityId partition,
                                 std::span<const Seq> allowed, TopK& nearest) const {
  std::vector<uint32_t> rows;
  size_t at = 0;
  for (const Seq seq : allowed) {
    // The first row whose event is not before this one: in steps that double, since most lie near.
    size_t step = 1;
    size_t end = at;
    while (end < items_.size() && items_[RowByItem(end)].seq() < seq) {
      at = end + 1;
      end += step;
      step *= 2;
    }
    end = std::min(end, items_.size());
    while (at < end) {
      const size_t middle = at + (end - at) / 2;
      if (items_[RowByItem(middle)].seq() < seq) {
        at = middle + 1;
      } else {
        end = middle;
      }
    }
    for (; at < items_.size() && items_[RowByItem(at)].seq() == seq; ++at) {
      rows.push_back(static_cast<uint32_t>(RowByItem(at)));
    }
  }
  // They lie anywhere in memory: asked for well before they are needed.
  constexpr size_t kAhead = 8;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) codes_.Prefetch(point_of_row_[rows[i + kAhead]]);
    const float similarity = std::clamp(query.Fine(codes_, point_of_row_[rows[i]]), -1.0F, 1.0F);
    if (!(similarity >= nearest.threshold())) continue;
    nearest.Offer({.item = items_[rows[i]],
                   .partition = partition,
                   .similarity = similarity,
                   .row = first_row_ + rows[i]});
  }
  return {.exact = true, .compared = rows.size()};
}

size_t Lists::PassingAbout(const std::vector<Seq>& allowed) const {
  const size_t looked = std::min(kRowsLookedAt, items_.size());
  size_t passing = 0;
  for (size_t i = 0; i < looked; ++i) {
    passing += Contains(allowed, items_[i * items_.size() / looked]) ? 1 : 0;
  }
  return passing * items_.size() / looked;
}

Lists::Outcome Lists::Search(const CodeQuery& query, Wanted wanted, ModalityId partition,
                             const std::vector<Seq>* allowed, TopK& nearest) const {
  const size_t k = wanted.k;
  const size_t rows_max = std::min(k, wanted.equal_max);
  size_t probes = options_.lists_probed;
  if (allowed != nullptr) {
    std::span<const Seq> here = *allowed;
    const auto begin = std::lower_bound(here.begin(), here.end(), items_[RowByItem(0)].seq());
    here = {begin, std::upper_bound(begin, here.end(), items_[RowByItem(items_.size() - 1)].seq())};
    // Of events that pass only some have rows here: the others are of other modalities.
    const size_t passing = here.size() <= kFewRows ? here.size() : PassingAbout(*allowed);
    if (passing <= kFewRows) return SearchRows(query, partition, here, nearest);
    probes = std::min(probes * kProbesUnderFilter,
                      std::max(probes, probes * items_.size() / (2 * passing)));
  }
  const size_t lists = list_begin_.size() - 1;
  // Many results lie in many lists.
  probes = std::max(probes, lists * std::min(4 * k, points()) / std::max<size_t>(points(), 1));
  const std::vector<uint32_t> order = Order(query, probes);
  Outcome outcome;
  const auto threshold = [&nearest] { return nearest.threshold(); };
  const auto exact = [this, &query](size_t point) {
    return std::clamp(query.Fine(codes_, point), -1.0F, 1.0F);
  };
  const auto see = [&](size_t point, float similarity) {
    size_t offered = 0;
    for (size_t at = point_rows_begin_[point]; at < point_rows_begin_[point + 1]; ++at) {
      const size_t row = point_rows_[at];
      const ItemId item = items_[row];
      if (allowed != nullptr && !Contains(*allowed, item)) continue;
      nearest.Offer({.item = item,
                     .partition = partition,
                     .similarity = similarity,
                     .row = first_row_ + row});
      if (++offered == rows_max) break;
    }
  };
  // Lists come nearest first: where so many brought nothing nearer, the rest hardly will.
  const size_t patience = probes * kPatience / kPatienceOf;
  size_t last_gain = 0;
  float farthest = nearest.threshold();
  for (size_t i = 0; i < lists; ++i) {
    if (nearest.threshold() != farthest) {
      farthest = nearest.threshold();
      last_gain = i;
    }
    if (nearest.full() && (i >= probes || i - last_gain >= patience)) {
      outcome.exact = false;
      break;
    }
    const size_t begin = list_begin_[order[i]];
    const size_t end = list_begin_[order[i] + 1];
    query.Scan(codes_, begin, end, threshold, exact, see);
    outcome.compared += end - begin;
  }
  return outcome;
}

std::string Lists::Serialize() const {
  const size_t lists = list_begin_.size() - 1;
  std::vector<float> centres(lists * dimension());
  for (size_t i = 0; i < lists; ++i) centres_.Decode(i, centres.data() + i * dimension());
  storage::v1::ListsRecord record;
  record.set_row_count(items_.size());
  record.set_point_count(points());
  record.set_centres(ToBytes(centres));
  record.set_list_begin(ToBytes(list_begin_));
  record.set_point_of_row(ToBytes(point_of_row_));
  return record.SerializeAsString();
}

absl::StatusOr<std::unique_ptr<Lists::Loader>> Lists::Loader::Create(uint64_t first_row,
                                                                     size_t count, size_t dimension,
                                                                     const IndexOptions& options,
                                                                     const std::string& bytes) {
  storage::v1::ListsRecord record;
  if (!record.ParseFromString(bytes)) return Damaged("the message does not parse");
  const size_t lists = record.centres().size() / sizeof(float) / dimension;
  if (record.row_count() != count || record.point_count() > count || lists == 0 ||
      record.centres().size() != lists * dimension * sizeof(float) ||
      record.list_begin().size() != (lists + 1) * sizeof(uint32_t) ||
      record.point_of_row().size() != count * sizeof(uint32_t)) {
    return Damaged("they are of other rows");
  }
  const auto points = static_cast<size_t>(record.point_count());
  std::shared_ptr<Lists> made(new Lists(first_row, count, points, dimension, lists, options));
  std::vector<float> centres;
  FromBytes(record.centres(), centres);
  for (size_t i = 0; i < lists; ++i) made->centres_.Set(i, centres.data() + i * dimension);
  FromBytes(record.list_begin(), made->list_begin_);
  FromBytes(record.point_of_row(), made->point_of_row_);
  if (made->list_begin_.front() != 0 || made->list_begin_.back() != points ||
      !std::is_sorted(made->list_begin_.begin(), made->list_begin_.end())) {
    return Damaged("a list has no end");
  }
  std::vector<bool> seen(points);
  for (const uint32_t point : made->point_of_row_) {
    if (point >= points) return Damaged("a row has no point");
    seen[point] = true;
  }
  if (std::find(seen.begin(), seen.end(), false) != seen.end())
    return Damaged("a point has no row");
  return std::unique_ptr<Loader>(new Loader(std::move(made)));
}

void Lists::Loader::Append(std::span<const ItemId> items, const float* vectors) {
  for (size_t i = 0; i < items.size(); ++i, ++next_row_) {
    lists_->items_[next_row_] = items[i];
    const uint32_t point = lists_->point_of_row_[next_row_];
    if (set_[point]) continue;  // the first of equal rows stands for them
    set_[point] = true;
    lists_->codes_.Set(point, vectors + i * lists_->dimension());
  }
  if (missing() == 0) lists_->IndexRows();
}

}  // namespace mixmatch
