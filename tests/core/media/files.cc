// The grammars of PNG (with stored deflate blocks) and WAV.
#include "tests/core/media/files.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mixmatch::testing {
namespace {

std::string LittleEndian(uint32_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}

uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

}  // namespace

std::string Le16(uint32_t value) { return LittleEndian(value, 2); }
std::string Le32(uint32_t value) { return LittleEndian(value, 4); }
std::string Be32(uint32_t value) {
  std::string bytes = Le32(value);
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

std::string PngChunk(std::string_view type, std::string_view data) {
  const std::string body = std::string(type) + std::string(data);
  return Be32(static_cast<uint32_t>(data.size())) + body + Be32(Crc32(body));
}

std::string PngHeader(uint32_t width, uint32_t height, int depth, int colour) {
  std::string header = Be32(width) + Be32(height);
  for (const int byte : {depth, colour, 0, 0, 0}) header += static_cast<char>(byte);
  return std::string("\x89PNG\r\n\x1a\n", 8) + PngChunk("IHDR", header);
}

std::string Zlib(std::string_view data) {
  std::string out = "\x78\x01";
  uint32_t a = 1;
  uint32_t b = 0;
  for (const char byte : data) {
    a = (a + static_cast<unsigned char>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  do {
    const auto length = static_cast<uint32_t>(std::min<size_t>(data.size(), 0xFFFF));
    out += static_cast<char>(length == data.size());
    out += Le16(length) + Le16(~length & 0xFFFF) + std::string(data.substr(0, length));
    data.remove_prefix(length);
  } while (!data.empty());
  return out + Be32(b << 16 | a);
}

std::string Png(uint32_t width, uint32_t height, int depth, int colour,
                const std::vector<std::string>& rows, const std::string& extra) {
  std::string raw;
  for (const std::string& row : rows) raw += '\0' + row;
  return PngHeader(width, height, depth, colour) + extra + PngChunk("IDAT", Zlib(raw)) +
         PngChunk("IEND", "");
}

std::vector<std::string> GreyRows(uint32_t width, uint32_t height) {
  std::vector<std::string> rows(height);
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) rows[y] += static_cast<char>(x * 7 + y * 3);
  }
  return rows;
}

std::string Wav(const WavFormat& format, std::string_view samples) {
  const uint32_t block = format.channels * format.bits / 8;
  const std::string body = "WAVEfmt " + Le32(16) + Le16(format.tag) + Le16(format.channels) +
                           Le32(format.rate_hz) + Le32(format.rate_hz * block) + Le16(block) +
                           Le16(format.bits) + "data" +
                           Le32(static_cast<uint32_t>(samples.size())) + std::string(samples);
  return "RIFF" + Le32(static_cast<uint32_t>(body.size())) + body;
}

std::string SineL16(double hz, uint32_t rate_hz, size_t count) {
  std::string samples;
  for (size_t n = 0; n < count; ++n) {
    const double phase = 2 * std::numbers::pi * hz * static_cast<double>(n) / rate_hz;
    samples += Le16(static_cast<uint32_t>(std::lround(16384 * std::sin(phase))) & 0xFFFF);
  }
  return samples;
}

}  // namespace mixmatch::testing
