// Files that only an encoder can write, made by libav's own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mixmatch::testing {

// A JPEG of 4:4:4 colour, in which every 16 x 16 block has one colour; `rgb` is called with the
// block's column and row and gives 0xRRGGBB. Empty on failure.
std::string Jpeg(int width, int height, uint32_t (*rgb)(int column, int row));

// A mono sine of half scale in `muxer` ("flac", "mp3", "ogg") by `encoder` ("flac", "libmp3lame",
// "libvorbis", "libopus"). Empty when this libav has no such encoder, or on failure.
std::string SineFile(const char* muxer, const char* encoder, double hz, int rate_hz, int count);

}  // namespace mixmatch::testing
