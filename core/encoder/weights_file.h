// The format in which weights and learner states are kept: named tensors and named facts under one
// checksum. A format of our own, because loading a pickle runs what is in it.
//
// Layout, little-endian (FORMAT.md):
//   "MMWEIGHT" | u32 version = 1
//   u32 facts    | each: u32 n, name [n] | u64 n, bytes [n]
//   u32 tensors  | each: u32 n, name [n] | u32 rank, u64 sizes [rank] | f32 values [product]
//   u64 StableHash64 of everything before it
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mixmatch {

struct WeightsFile {
  struct Tensor {
    std::vector<int64_t> sizes;
    std::vector<float> values;
  };

  std::map<std::string, std::string, std::less<>> facts;
  std::map<std::string, Tensor, std::less<>> tensors;

  // A number among the facts; DATA_LOSS when there is none of this name.
  absl::StatusOr<uint64_t> Number(std::string_view name) const;
  void SetNumber(std::string_view name, uint64_t value);
};

std::string WriteWeights(const WeightsFile& file);

// DATA_LOSS when a byte was changed, added or lost, or a value is not finite; nothing is trusted
// before the checksum agrees.
absl::StatusOr<WeightsFile> ReadWeights(std::string_view bytes);

}  // namespace mixmatch
