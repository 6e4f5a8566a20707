// Features: what a fixed, unlearned front end makes of a percept. Small, stored, versioned; replay
// and re-embedding start from them and never decode again.
//
// Takes decoded content from core/media or numbers from events; gives tensors-to-be to
// core/encoder.
//
// Layouts by kind (part of the disk format together with the front end's version):
//   image   u8  [C, H, W]   C 1 (grey) or 3 (RGB), H = W = image_px of the front end
//   audio   u8  [T, M]      quantised log-mel: T frames, M bins; 0 is silence, 255 the loudest
//   text    u32 [n]         one flat list of words: for each word its count c, then c n-gram hashes
//   series  f32 [S, C]      S evenly spaced samples over the whole duration, C channels
//   vector  f32 [D]
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/base/hash.h"
#include "core/base/payload_kind.h"

namespace mixmatch {

// The version of every front end in this build. Features of another version are derived again.
inline constexpr uint32_t kFrontEndVersion = 1;

struct Features {
  PayloadKind kind = PayloadKind::kText;
  uint32_t front_end_version = kFrontEndVersion;
  // Equal for identical percepts, whatever their event.
  ContentHash content;
  // As the table above says.
  std::vector<uint32_t> shape;
  // Little-endian numbers of the kind's type, row-major; as many as the product of `shape`.
  std::string bytes;

  // The numbers as T (uint8_t, uint32_t or float), copied.
  template <typename T>
  std::vector<T> Values() const {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }

  // Sets `bytes` from numbers.
  template <typename T>
  void SetValues(std::span<const T> values) {
    bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
};

}  // namespace mixmatch
