// Writes small media files byte by byte, so that tests can break any byte of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mixmatch::testing {

std::string Le16(uint32_t value);
std::string Le32(uint32_t value);
std::string Be32(uint32_t value);

// One PNG chunk with its checksum.
std::string PngChunk(std::string_view type, std::string_view data);

// A PNG of `rows`, each without its filter byte; uncompressed. `colour` as in PNG: 0 grey, 2 RGB,
// 3 palette, 4 grey and alpha, 6 RGBA. `extra` goes between IHDR and IDAT. `height` may lie.
std::string Png(uint32_t width, uint32_t height, int depth, int colour,
                const std::vector<std::string>& rows, const std::string& extra = "");

// What stands between the signature and IEND, in parts, for files that Png() does not write.
std::string PngHeader(uint32_t width, uint32_t height, int depth, int colour);
// `data` as a zlib stream of stored blocks.
std::string Zlib(std::string_view data);

// A grey gradient of 8 bits: pixel (x, y) is x * 7 + y * 3, modulo 256.
std::vector<std::string> GreyRows(uint32_t width, uint32_t height);

struct WavFormat {
  uint32_t tag = 1;  // 1 PCM, 3 float
  uint32_t bits = 16;
  uint32_t channels = 1;
  uint32_t rate_hz = 8000;
};

// A WAV around interleaved samples as bytes.
std::string Wav(const WavFormat& format, std::string_view samples);

// A sine of half scale: `count` 16-bit samples of one channel.
std::string SineL16(double hz, uint32_t rate_hz, size_t count);

}  // namespace mixmatch::testing
