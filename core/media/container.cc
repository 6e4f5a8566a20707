// Byte grammars:
//   PNG   signature, then chunks: length u32be, type[4], data, crc u32be
//   JPEG  FF D8, then segments: FF marker, length u16be (itself included), data; scans; FF D9
//   WAV   "RIFF" size u32le "WAVE", then chunks: id[4], size u32le, data, padded to even
//   ID3v2 "ID3" version[2] flags[1] size[4] of 7 bits each, big-endian, header not included
//   OGG   pages: "OggS", 22 bytes, segment count n, n segment lengths, data
#include "core/media/container.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

uint32_t Byte(std::string_view bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }
uint32_t Be16(std::string_view bytes, size_t at) {
  return Byte(bytes, at) << 8 | Byte(bytes, at + 1);
}
uint32_t Be32(std::string_view bytes, size_t at) {
  return Be16(bytes, at) << 16 | Be16(bytes, at + 2);
}
uint32_t Le32(std::string_view bytes, size_t at) {
  return Byte(bytes, at + 3) << 24 | Byte(bytes, at + 2) << 16 | Byte(bytes, at + 1) << 8 |
         Byte(bytes, at);
}
std::string ToLe32(uint32_t value) {
  std::string bytes(4, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
  return bytes;
}

absl::Status CutOff(std::string_view what, size_t size) {
  return InvalidField(
      "image.data",
      absl::StrCat("picture refused: the ", absl::string_view(what.data(), what.size()),
                   " file is damaged or ends after ", size,
                   " bytes, before its picture does; send the whole file"));
}

absl::Status BadSound(std::string_view fact) {
  return InvalidField("audio.data",
                      absl::StrCat("sound refused: ", absl::string_view(fact.data(), fact.size())));
}

}  // namespace

ImageFormat DetectImage(std::string_view bytes) {
  if (bytes.starts_with(kPngSignature)) return ImageFormat::kPng;
  if (bytes.starts_with("\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  return ImageFormat::kUnknown;
}

AudioFormat DetectAudio(std::string_view bytes) {
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WAVE")) return AudioFormat::kWav;
  if (bytes.starts_with("fLaC")) return AudioFormat::kFlac;
  if (bytes.starts_with("OggS")) return AudioFormat::kOgg;
  // An MPEG frame begins with 11 bits set; layer III is 01 in bits 1 and 2 of the second byte.
  const bool frame = bytes.size() >= 2 && Byte(bytes, 0) == 0xFF && (Byte(bytes, 1) & 0xE6) == 0xE2;
  if (bytes.starts_with("ID3") || frame) return AudioFormat::kMp3;
  return AudioFormat::kUnknown;
}

absl::StatusOr<PictureSize> PngSize(std::string_view bytes) {
  PictureSize size;
  for (size_t at = kPngSignature.size(); at + 12 <= bytes.size();) {
    const uint64_t length = Be32(bytes, at);
    const std::string_view type = bytes.substr(at + 4, 4);
    if (length + 12 > bytes.size() - at) break;
    const bool is_header = type == "IHDR";
    // Exactly one header, in front.
    if (is_header != (at == kPngSignature.size()) || (is_header && length != 13)) break;
    if (is_header) size = {.width = Be32(bytes, at + 8), .height = Be32(bytes, at + 12)};
    if (type == "IEND") return size;
    at += length + 12;
  }
  return CutOff("PNG", bytes.size());
}

absl::StatusOr<PictureSize> JpegSize(std::string_view bytes) {
  PictureSize size;
  for (size_t at = 2; at + 4 <= bytes.size();) {
    if (Byte(bytes, at) != 0xFF) break;
    const uint32_t marker = Byte(bytes, at + 1);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    const size_t length = Be16(bytes, at + 2);
    if (length < 2 || at + 2 + length > bytes.size()) break;
    if (marker == 0xDA) {  // start of scan; inside scans FF is escaped, so FF D9 is the end
      if (size.width == 0 || bytes.find("\xFF\xD9", at) == std::string_view::npos) break;
      return size;
    }
    const bool is_frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame) {
      if (length < 8) break;
      size = {.width = Be16(bytes, at + 7), .height = Be16(bytes, at + 5)};
    }
    at += 2 + length;
  }
  return CutOff("JPEG", bytes.size());
}

std::string PlainPng(std::string_view bytes) {
  std::string plain(kPngSignature);
  plain.reserve(bytes.size());
  for (size_t at = kPngSignature.size(); at + 12 <= bytes.size();) {
    const size_t size = size_t{Be32(bytes, at)} + 12;
    const std::string_view type = bytes.substr(at + 4, 4);
    if (type == "IHDR" || type == "PLTE" || type == "tRNS" || type == "IDAT" || type == "IEND") {
      plain.append(bytes.substr(at, size));
    }
    if (type == "IEND") break;
    at += size;
  }
  return plain;
}

absl::StatusOr<std::string> PlainWav(std::string_view bytes) {
  std::string_view format;
  for (size_t at = 12; at + 8 <= bytes.size();) {
    const std::string_view id = bytes.substr(at, 4);
    const size_t present = bytes.size() - at - 8;
    size_t size = Le32(bytes, at + 4);
    const bool is_data = id == "data";
    if (is_data && size == 0xFFFFFFFF) size = present;
    if (size > present) {
      return BadSound(absl::StrCat("the WAV header declares ", size, " bytes of ",
                                   is_data ? "samples" : "header", " but ", present,
                                   " are there; send the whole file"));
    }
    if (id == "fmt ") format = bytes.substr(at + 8, size);
    if (is_data) {
      if (format.empty()) break;
      const std::string pad(format.size() % 2, '\0');
      const std::string body = absl::StrCat(
          "WAVEfmt ", ToLe32(static_cast<uint32_t>(format.size())),
          absl::string_view(format.data(), format.size()), pad, "data",
          ToLe32(static_cast<uint32_t>(size)), absl::string_view(bytes.data() + at + 8, size));
      return absl::StrCat("RIFF", ToLe32(static_cast<uint32_t>(body.size())), body);
    }
    at += 8 + size + size % 2;
  }
  return BadSound("the WAV file has no format or no samples; send the whole file");
}

absl::StatusOr<std::string_view> SkipId3(std::string_view bytes) {
  while (bytes.size() >= 10 && bytes.starts_with("ID3")) {
    size_t size = 10 + ((Byte(bytes, 5) & 0x10) != 0 ? 10 : 0);  // header, and footer if flagged
    for (size_t i = 6; i < 10; ++i) {
      size += size_t{Byte(bytes, i) & 0x7F} << (7 * (9 - i));
    }
    if (size >= bytes.size()) {
      return BadSound(absl::StrCat("the file's tag declares ", size, " bytes of ", bytes.size(),
                                   "; send the whole file"));
    }
    bytes.remove_prefix(size);
  }
  return bytes;
}

absl::Status CheckOggEnd(std::string_view bytes) {
  constexpr size_t kHeader = 27;
  const size_t page = bytes.rfind("OggS");
  if (page != std::string_view::npos && bytes.size() - page >= kHeader) {
    const size_t segments = Byte(bytes, page + kHeader - 1);
    size_t size = kHeader + segments;
    const size_t lengths = std::min(segments, bytes.size() - page - kHeader);
    for (size_t i = 0; i < lengths; ++i) size += Byte(bytes, page + kHeader + i);
    if (size <= bytes.size() - page) return absl::OkStatus();
  }
  return BadSound(absl::StrCat("the OGG file ends inside a page, after ", bytes.size(),
                               " bytes; send the whole file"));
}

}  // namespace mixmatch
