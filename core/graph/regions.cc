// Similarities of points to sums of points add up when regions are joined, so that every number of
// regions is judged from one product.
#include "core/graph/regions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/base/hash.h"
#include "core/skills/linear_algebra.h"

namespace mixmatch {
namespace {

// A region of fewer points, or of a smaller share of them, is none: its points are strays.
constexpr double kLeastPoints = 4;
constexpr double kLeastShare = 0.002;

double Uniform(uint64_t seed, uint64_t draw) {
  return static_cast<double>(StableMix64(seed, draw) >> 11) * 0x1p-53;
}

// Seeds far from each other: each drawn in proportion to its distance from those before
// (D. Arthur, S. Vassilvitskii, "k-means++", 2007).
std::vector<float> Seeds(std::span<const float> x, size_t d, size_t count, uint64_t seed) {
  const size_t n = x.size() / d;
  std::vector<float> centres;
  std::vector<double> far(n, 2);
  for (size_t k = 0; k < count; ++k) {
    double sum = 0;
    for (const double distance : far) sum += distance;
    double left = Uniform(seed, k) * sum;
    size_t chosen = 0;
    while (chosen + 1 < n && (left -= far[chosen]) > 0) ++chosen;
    const auto row = x.subspan(chosen * d, d);
    centres.insert(centres.end(), row.begin(), row.end());
    for (size_t i = 0; i < n; ++i) {
      const double similarity = Dot(row, x.subspan(i * d, d));
      far[i] = std::min(far[i], std::max(0.0, 1 - similarity));
    }
  }
  return centres;
}

bool Cancelled(const RegionSettings& settings) {
  return settings.cancelled != nullptr && settings.cancelled();
}

// Puts every point to its nearest centre and every centre into the middle of its points.
void KMeans(std::span<const float> x, size_t d, const RegionSettings& settings,
            std::vector<float>& centres, std::vector<size_t>& of) {
  const size_t n = x.size() / d;
  const size_t k = centres.size() / d;
  std::vector<float> similarities(n * k);
  of.assign(n, 0);
  for (size_t round = 0; round < settings.rounds && !Cancelled(settings); ++round) {
    MultiplyTransposed(x, centres, d, similarities);
    bool moved = false;
    for (size_t i = 0; i < n; ++i) {
      const auto row = std::span<const float>(similarities).subspan(i * k, k);
      const auto best = static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
      moved = moved || best != of[i];
      of[i] = best;
    }
    if (round > 0 && !moved) break;
    std::vector<float> sums(k * d);
    for (size_t i = 0; i < n; ++i) {
      for (size_t c = 0; c < d; ++c) sums[of[i] * d + c] += x[i * d + c];
    }
    for (size_t region = 0; region < k; ++region) {
      const auto sum = std::span(sums).subspan(region * d, d);
      // A region without points stays where it was.
      if (Dot(std::span<const float>(sum), std::span<const float>(sum)) == 0) continue;
      Normalise(sum);
      std::copy(sum.begin(), sum.end(), centres.begin() + static_cast<std::ptrdiff_t>(region * d));
    }
  }
}

// Regions while they are joined two by two.
class Joining {
 public:
  Joining(std::span<const float> x, size_t d, size_t k, const std::vector<size_t>& of)
      : n_(x.size() / d), k_(k), of_(of), counts_(k), joined_(k) {
    std::vector<float> sums(k * d);
    for (size_t i = 0; i < n_; ++i) {
      ++counts_[of[i]];
      for (size_t c = 0; c < d; ++c) sums[of[i] * d + c] += x[i * d + c];
    }
    to_points_.resize(k * n_);
    MultiplyTransposed(std::span<const float>(sums), x, d, to_points_);
    between_.resize(k * k);
    MultiplyTransposed(std::span<const float>(sums), sums, d, between_);
    for (size_t region = 0; region < k; ++region) {
      joined_[region] = region;
      if (counts_[region] > 0) alive_.push_back(region);
    }
  }

  size_t count() const { return alive_.size(); }

  // Joins the two whose points are most alike on average.
  void Join() {
    size_t best_a = 0;
    size_t best_b = 1;
    double best = -2;
    for (size_t a = 0; a < alive_.size(); ++a) {
      for (size_t b = a + 1; b < alive_.size(); ++b) {
        const double pairs = counts_[alive_[a]] * counts_[alive_[b]];
        const double similarity = between_[alive_[a] * k_ + alive_[b]] / pairs;
        if (similarity > best) {
          best = similarity;
          best_a = a;
          best_b = b;
        }
      }
    }
    const size_t into = alive_[best_a];
    const size_t gone = alive_[best_b];
    counts_[into] += counts_[gone];
    for (size_t i = 0; i < n_; ++i) to_points_[into * n_ + i] += to_points_[gone * n_ + i];
    for (size_t other = 0; other < k_; ++other) {
      between_[into * k_ + other] += between_[gone * k_ + other];
    }
    for (size_t other = 0; other < k_; ++other) {
      between_[other * k_ + into] += between_[other * k_ + gone];
    }
    for (size_t& region : joined_) {
      if (region == gone) region = into;
    }
    alive_.erase(alive_.begin() + static_cast<std::ptrdiff_t>(best_b));
  }

  bool IsRegion(size_t region) const {
    return counts_[region] >= std::max(kLeastPoints, kLeastShare * static_cast<double>(n_));
  }

  // Mean silhouette of the regions as they are; strays count 0. With fewer than two regions, 0.
  double Quality() const {
    if (std::count_if(alive_.begin(), alive_.end(),
                      [this](size_t region) { return IsRegion(region); }) < 2) {
      return 0;
    }
    double sum = 0;
    for (size_t i = 0; i < n_; ++i) {
      const size_t own = joined_[of_[i]];
      if (!IsRegion(own)) continue;
      // Without itself, whose similarity is 1.
      const double inside = (to_points_[own * n_ + i] - 1) / (counts_[own] - 1);
      double next = -1;
      for (const size_t region : alive_) {
        if (region == own || !IsRegion(region)) continue;
        next = std::max(next, to_points_[region * n_ + i] / counts_[region]);
      }
      sum += (inside - next) / std::max({1 - inside, 1 - next, 1e-9});
    }
    return sum / static_cast<double>(n_);
  }

  // The region of each of the first ones; strays are in the region whose points are most like
  // theirs.
  std::vector<size_t> joined() const {
    std::vector<size_t> joined = joined_;
    for (size_t first = 0; first < k_; ++first) {
      const size_t own = joined_[first];
      if (counts_[own] == 0 || IsRegion(own)) continue;
      double best = -2;
      for (const size_t region : alive_) {
        const double similarity = between_[own * k_ + region] / (counts_[own] * counts_[region]);
        if (!IsRegion(region) || similarity <= best) continue;
        best = similarity;
        joined[first] = region;
      }
    }
    return joined;
  }

 private:
  size_t n_;
  size_t k_;
  const std::vector<size_t>& of_;
  std::vector<double> counts_;
  std::vector<size_t> joined_;
  std::vector<size_t> alive_;
  std::vector<float> to_points_;  // [k, n]: sum of a region's similarities to each point
  std::vector<float> between_;    // [k, k]: of their points to each other, summed up
};

// How points fall into regions.
struct Partition {
  std::vector<size_t> of;  // [n]
  double quality = 0;      // mean silhouette; 0: nothing is told apart
};

Partition FindPartition(std::span<const float> x, size_t d, const RegionSettings& settings,
                        uint64_t seed) {
  const size_t n = x.size() / d;
  const size_t k = std::clamp(n / settings.points_per_seed, size_t{1}, settings.seeds_max);
  std::vector<float> centres = Seeds(x, d, k, seed);
  Partition found;
  KMeans(x, d, settings, centres, found.of);
  Joining joining(x, d, k, found.of);
  std::vector<size_t> best(k, 0);
  while (joining.count() >= 2 && !Cancelled(settings)) {
    const double quality = joining.Quality();
    if (quality >= std::max(found.quality, settings.quality_min)) {
      found.quality = quality;
      best = joining.joined();
    }
    joining.Join();
  }
  for (size_t& region : found.of) region = best[region];
  return found;
}

}  // namespace

Regions FindRegions(std::span<const float> x, size_t dimension, const RegionSettings& settings) {
  Regions regions{.dimension = dimension};
  const size_t n = x.size() / dimension;
  if (n == 0) return regions;
  const size_t starts = std::max<size_t>(settings.restarts, 1);
  Partition best;
  size_t apart = 0;
  for (size_t start = 0; start < starts && !Cancelled(settings); ++start) {
    Partition found = FindPartition(x, dimension, settings, settings.seed + start);
    apart += found.quality > 0;
    if (start == 0 || found.quality > best.quality) best = std::move(found);
  }
  // A lucky start tells some strays from all others: the most must find something.
  if (2 * apart <= starts || Cancelled(settings)) best = {.of = std::vector<size_t>(n)};
  regions.quality = best.quality;
  std::map<size_t, size_t> numbers;  // by first appearance
  for (const size_t region : best.of) {
    regions.of.push_back(numbers.try_emplace(region, numbers.size()).first->second);
  }
  const size_t count = numbers.size();
  regions.centres.resize(count * dimension);
  for (size_t i = 0; i < n; ++i) {
    for (size_t c = 0; c < dimension; ++c) {
      regions.centres[regions.of[i] * dimension + c] += x[i * dimension + c];
    }
  }
  for (size_t region = 0; region < count; ++region) {
    Normalise(std::span(regions.centres).subspan(region * dimension, dimension));
  }
  return regions;
}

}  // namespace mixmatch
