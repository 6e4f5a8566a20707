// Random numbers that are the same on every machine and start from a seed alone, so that a step's
// choices follow from its number and nothing needs to be stored.
#pragma once

#include <cstdint>

#include "core/base/hash.h"

namespace mixmatch {

// Thread-safety: Not thread-safe: one owner thread.
class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}

  uint64_t Bits() { return StableMix64(seed_, count_++); }
  // In [0, n); n > 0. The bias is below n / 2^64.
  uint64_t Below(uint64_t n) { return Bits() % n; }
  // In [0, 1).
  float Unit() { return static_cast<float>(Bits() >> 40) * 0x1p-24F; }
  // In [-bound, bound).
  float Around(float bound) { return (Unit() * 2 - 1) * bound; }

 private:
  uint64_t seed_;
  uint64_t count_ = 0;
};

}  // namespace mixmatch
