// FNV-1a and the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", 2014).
#include "core/base/hash.h"

namespace mixmatch {
namespace {

uint64_t Finalise(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

uint64_t StableHash64(std::string_view bytes, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325ULL ^ Finalise(seed);
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return Finalise(hash);
}

uint64_t StableMix64(uint64_t seed, uint64_t value) {
  return Finalise(Finalise(seed) + 0x9e3779b97f4a7c15ULL + value);
}

}  // namespace mixmatch
