// Made-up examples of labels, the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/hash.h"
#include "core/skills/moments.h"

namespace mixmatch::testing {

struct Examples {
  size_t d = 0;
  std::vector<float> x;     // [n, D]
  std::vector<int> labels;  // [n]

  size_t count() const { return labels.size(); }
  std::span<const float> row(size_t i) const { return std::span(x).subspan(i * d, d); }
};

// About normal, spread 1.
inline double Normal(uint64_t seed, uint64_t i) {
  double sum = 0;
  for (uint64_t part = 0; part < 6; ++part) {
    sum += static_cast<double>(StableMix64(seed, i * 6 + part) >> 11) * 0x1p-53 - 0.5;
  }
  return sum * std::sqrt(2.0);
}

// n examples of `labels` labels, `apart` between their means, one covariance that is no sphere.
inline Examples MakeExamples(size_t n, size_t d, int labels, double apart, uint64_t seed) {
  Examples made{.d = d};
  for (size_t i = 0; i < n; ++i) {
    const int label = static_cast<int>(StableMix64(seed, i) % static_cast<uint64_t>(labels));
    made.labels.push_back(label);
    const double shared = Normal(seed + 1, i);
    for (size_t c = 0; c < d; ++c) {
      const double mean = apart * Normal(7, static_cast<uint64_t>(label) * 1000 + c);
      const double spread = 0.5 + static_cast<double>(c % 3);
      made.x.push_back(
          static_cast<float>(mean + 3 + shared + spread * Normal(seed + 2, i * d + c)));
    }
  }
  return made;
}

inline void Teach(const Examples& examples, size_t i, Moments& moments, Responses& responses) {
  moments.Add(examples.row(i));
  responses.Add(examples.labels[i], examples.row(i), 1);
}

}  // namespace mixmatch::testing
