// Regions of the space that things gather in, found without labels and without knowing how many.
//
// Takes unit vectors; gives regions with their centres. Many small regions by spherical k-means
// (I. Dhillon, D. Modha, "Concept decompositions for large sparse text data using clustering",
// 2001), joined by average linkage; of all numbers of regions on the way the one is kept whose
// points are nearest to their own region against the next one (P. Rousseeuw, "Silhouettes", 1987,
// with the mean similarity to each region).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace mixmatch {

struct RegionSettings {
  size_t seeds_max = 256;      // small regions to begin with
  size_t points_per_seed = 8;  // with fewer points there are fewer
  size_t rounds = 12;          // of k-means
  size_t restarts = 5;         // with other seeds; the best one is kept
  // Below this mean silhouette (-1 to 1) from half the starts, nothing is told apart: all is one
  // region.
  double quality_min = 0.15;
  uint64_t seed = 1;
  // Asked now and then; once it says so, the search ends with all as one region. Null: never.
  std::function<bool()> cancelled;
};

struct Regions {
  size_t dimension = 0;
  std::vector<float> centres;  // [K, E], unit
  std::vector<size_t> of;      // [n]: the region of each point
  double quality = 0;          // mean silhouette

  size_t count() const { return dimension == 0 ? 0 : centres.size() / dimension; }
};

// Of points x [n, E]; none gives none. A function of points and seed alone. Costs about
// restarts * n * seeds * (E * rounds + seeds / 2) operations.
Regions FindRegions(std::span<const float> x, size_t dimension, const RegionSettings& settings);

}  // namespace mixmatch
