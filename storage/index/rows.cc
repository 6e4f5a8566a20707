// Exact search.
#include "storage/index/rows.h"

#include <algorithm>
#include <cstring>

namespace mixmatch {

Rows::Rows(uint64_t first_row, size_t capacity, size_t dimension)
    : first_row_(first_row),
      capacity_(capacity),
      dimension_(dimension),
      items_(std::make_unique_for_overwrite<ItemId[]>(capacity)),
      vectors_(std::make_unique_for_overwrite<float[]>(capacity * dimension)),
      codes_(capacity, dimension) {}

void Rows::Append(std::span<const ItemId> items, const float* vectors) {
  std::copy(items.begin(), items.end(), items_.get() + size_);
  std::memcpy(vectors_.get() + size_ * dimension_, vectors,
              items.size() * dimension_ * sizeof(float));
  for (size_t i = 0; i < items.size(); ++i) codes_.Set(size_ + i, vectors + i * dimension_);
  size_ += items.size();
}

float Rows::Similarity(size_t row, const CodeQuery& query) const {
  return std::clamp(dot_(query.values(), vector(row), dimension_), -1.0f, 1.0f);
}

void Rows::Offer(size_t row, const CodeQuery& query, ModalityId partition, TopK& nearest) const {
  const float similarity = Similarity(row, query);
  if (!(similarity >= nearest.threshold())) return;  // also what is no number
  nearest.Offer({.item = items_[row],
                 .partition = partition,
                 .similarity = similarity,
                 .row = first_row_ + row});
}

size_t Rows::Scan(size_t count, const CodeQuery& query, ModalityId partition,
                  const std::vector<Seq>* allowed, TopK& nearest) const {
  if (allowed == nullptr) {
    query.Scan(
        codes_, 0, count, [&nearest] { return nearest.threshold(); },
        [this, &query](size_t row) { return Similarity(row, query); },
        [&](size_t row, float similarity) {
          nearest.Offer({.item = items_[row],
                         .partition = partition,
                         .similarity = similarity,
                         .row = first_row_ + row});
        });
    return count;
  }
  // Items come in nearly rising order, so the place of the next one is mostly at or right behind
  // that of the last one.
  size_t compared = 0;
  auto place = allowed->begin();
  for (size_t row = 0; row < count; ++row) {
    const Seq seq = items_[row].seq();
    if (place == allowed->end() || *place > seq) {
      if (place == allowed->begin() || *(place - 1) < seq) continue;
      place = std::lower_bound(allowed->begin(), place, seq);  // an item out of order
    } else if (*place < seq) {
      ++place;
      if (place != allowed->end() && *place < seq)
        place = std::lower_bound(place, allowed->end(), seq);
    }
    if (place == allowed->end() || *place != seq) continue;
    Offer(row, query, partition, nearest);
    ++compared;
  }
  return compared;
}

}  // namespace mixmatch
