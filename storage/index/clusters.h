// Centres of clusters of unit vectors, and which one a vector is nearest to.
//
// FAISS trains; its own search behind it is compiled without AVX, so the nearest centre is found
// here, by one matrix product for many vectors.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace mixmatch {

// Spherical k-means of `sample` [n, d] into `count` centres [count, d] of length 1, in `rounds`
// rounds from `start` [count, d], or from a choice of the sample by `seed` where that is empty.
// Requires n >= count >= 1. Takes seconds, on the calling thread alone; CANCELLED soon after `stop`
// becomes true; INTERNAL where FAISS fails.
absl::StatusOr<std::vector<float>> TrainCentres(std::span<const float> sample, size_t dimension,
                                                size_t count, int rounds, uint64_t seed,
                                                std::vector<float> start,
                                                const std::atomic<bool>& stop);

// nearest[i] = the centre with the largest inner product with vectors[i], of `vectors` [n, d];
// ties to the first. Where `similarities` is not empty it gets that product, [n].
void NearestCentres(std::span<const float> vectors, std::span<const float> centres,
                    size_t dimension, std::span<uint32_t> nearest, std::span<float> similarities);

}  // namespace mixmatch
