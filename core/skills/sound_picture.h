// A sound as a picture of one size, whatever its length: for fixed features of pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/senses/features.h"

namespace mixmatch {

// Frames of a sound's picture; it has as many columns as the front end has bands.
inline constexpr size_t kSoundFrames = 24;

// Features of kind audio [T, M] as [kSoundFrames, M]: silence at both ends cut off (more than 19 dB
// below the loudest frame), the rest stretched or shrunk by exact averaging.
std::vector<uint8_t> SoundPicture(const Features& sound);

}  // namespace mixmatch
