// How familiar something is: how near the taught examples are, against how near they are to each
// other. Calibrated by leaving each of them out, so it needs no threshold of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mixmatch {

// Thread-safety: Immutable once made; safe to share.
class Familiarity {
 public:
  // One taught example near to what was asked.
  struct Near {
    float similarity = 0;  // cosine
    size_t place = 0;      // in the order in which the examples were given
  };

  Familiarity() = default;
  // Of examples x [n, D]. `neighbours`: how many nearest examples say how familiar something is.
  Familiarity(std::span<const float> x, size_t dimension, size_t neighbours);

  size_t size() const { return count_; }
  // Of each example its nearest other one; kNobody when it is alone.
  const std::vector<size_t>& nearest_other() const { return nearest_other_; }
  static constexpr size_t kNobody = SIZE_MAX;

  // Cosines of x [D] with every example: [n].
  std::vector<float> Similarities(std::span<const float> x) const;
  // The `count` largest of these, largest first, among the places that `counts` lets pass.
  template <typename Counts>
  static std::vector<Near> Largest(std::span<const float> similarities, size_t count,
                                   Counts counts);

  // Share of the taught examples that are less familiar, each left out, than something with these
  // similarities: 0 to 1; 0 when there is no example.
  double ShareBelow(std::span<const float> similarities) const;

 private:
  size_t dimension_ = 0;
  size_t neighbours_ = 1;
  size_t count_ = 0;
  std::vector<float> units_;           // [n, D], of length 1
  std::vector<size_t> nearest_other_;  // [n]
  std::vector<double> left_out_;       // [n], rising: mean similarity to the nearest others
};

template <typename Counts>
std::vector<Familiarity::Near> Familiarity::Largest(std::span<const float> similarities,
                                                    size_t count, Counts counts) {
  std::vector<Near> largest;
  for (size_t i = 0; i < similarities.size() && count > 0; ++i) {
    const bool full = largest.size() == count;
    if ((full && similarities[i] <= largest.back().similarity) || !counts(i)) continue;
    if (full) largest.pop_back();
    auto at = largest.end();
    while (at != largest.begin() && (at - 1)->similarity < similarities[i]) --at;
    largest.insert(at, {similarities[i], i});
  }
  return largest;
}

}  // namespace mixmatch
