// The kinds of payload that a percept may carry: one front end and one stem each.
#pragma once

#include <cstdint>
#include <string_view>

namespace mixmatch {

// Values are part of the disk format: never renumber.
enum class PayloadKind : uint8_t {
  kText = 1,
  kAudio = 2,
  kImage = 3,
  kVideo = 4,
  kSeries = 5,
  kVector = 6,
};

// Returns "text", "audio", "image", "video", "series" or "vector".
std::string_view PayloadKindName(PayloadKind kind);

}  // namespace mixmatch
