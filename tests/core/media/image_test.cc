// Pictures: every way they are decoded, and every way they may be broken.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/media/decode_image.h"
#include "tests/core/media/encode.h"
#include "tests/core/media/files.h"

namespace mixmatch {
namespace {

using testing::Be32;
using testing::GreyRows;
using testing::Jpeg;
using testing::Png;
using testing::PngChunk;
using testing::PngHeader;
using testing::Zlib;

absl::StatusOr<Pixels> Decode(std::string data, std::string media_type = "") {
  return DecodeImage({.data = std::move(data), .media_type = std::move(media_type)}, {});
}

void ExpectRefused(const std::string& what, const absl::StatusOr<Pixels>& pixels,
                   const std::string& field, const std::string& words = "") {
  EXPECT_EQ(pixels.status().code(), absl::StatusCode::kInvalidArgument) << what;
  EXPECT_EQ(FieldOf(pixels.status()), field) << what;
  EXPECT_NE(pixels.status().message().find(words), absl::string_view::npos)
      << what << ": " << pixels.status().message();
}

std::vector<uint8_t> Bytes(const std::vector<std::string>& rows) {
  std::vector<uint8_t> bytes;
  for (const std::string& row : rows) bytes.insert(bytes.end(), row.begin(), row.end());
  return bytes;
}

TEST(DecodeImageTest, GreyPngIsExact) {
  const auto pixels = Decode(Png(28, 20, 8, 0, GreyRows(28, 20)), "image/png");
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  EXPECT_EQ(pixels->width, 28u);
  EXPECT_EQ(pixels->height, 20u);
  EXPECT_EQ(pixels->channels, 1u);
  EXPECT_EQ(pixels->data, Bytes(GreyRows(28, 20)));
}

TEST(DecodeImageTest, ColourPngIsExact) {
  const auto pixels = Decode(Png(9, 20, 8, 2, GreyRows(27, 20)));
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  EXPECT_EQ(pixels->channels, 3u);
  EXPECT_EQ(pixels->data, Bytes(GreyRows(27, 20)));
}

TEST(DecodeImageTest, AlphaIsLaidOverWhite) {
  const std::string row("\x00\x00\x00\x00\x00\x00\x00\xFF\xC8\x64\x00\x80", 12);
  const auto pixels = Decode(Png(3, 1, 8, 6, {row}));
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  ASSERT_EQ(pixels->data.size(), 9u);
  const int expected[] = {255, 255, 255, 0, 0, 0, 227, 177, 127};
  for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(pixels->data[i], expected[i], 1) << i;
}

TEST(DecodeImageTest, PaletteWithTransparencyIsLaidOverWhite) {
  const std::string extra = PngChunk("PLTE", std::string("\x00\x00\x00\xFF\x00\x00", 6)) +
                            PngChunk("tRNS", std::string("\x00", 1));
  const auto pixels = Decode(Png(2, 1, 8, 3, {std::string("\x00\x01", 2)}, extra));
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  EXPECT_EQ(pixels->data, (std::vector<uint8_t>{255, 255, 255, 255, 0, 0}));
}

TEST(DecodeImageTest, OneAndSixteenBitsBecomeEight) {
  auto pixels = Decode(Png(8, 1, 1, 0, {"\xA5"}));
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  EXPECT_EQ(pixels->channels, 1u);
  EXPECT_EQ(pixels->data, (std::vector<uint8_t>{255, 0, 255, 0, 0, 255, 0, 255}));
  pixels = Decode(Png(2, 1, 16, 0, {std::string("\x80\x00\xFF\xFF", 4)}));
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  ASSERT_EQ(pixels->data.size(), 2u);
  EXPECT_NEAR(pixels->data[0], 128, 1);
  EXPECT_EQ(pixels->data[1], 255);
}

TEST(DecodeImageTest, BarePixelsAreTakenAsTheyAre) {
  const auto pixels = DecodeImage({.data = "abcdef",
                                   .media_type = "image/raw",
                                   .width_px = 2,
                                   .height_px = 1,
                                   .channel_count = 3},
                                  {});
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  EXPECT_EQ(pixels->data, (std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
}

uint32_t FourColours(int column, int row) {
  constexpr uint32_t kColours[] = {0xFF0000, 0x00FF00, 0x0000FF, 0xC0C0C0};
  return kColours[(row % 2) * 2 + column % 2];
}

// Mean difference between a 16 x 16 block's middle and a colour.
double Difference(const Pixels& pixels, uint32_t column, uint32_t row, uint32_t colour) {
  const size_t at = ((size_t{row} * 16 + 8) * pixels.width + size_t{column} * 16 + 8) * 3;
  double sum = 0;
  for (size_t c = 0; c < 3; ++c) {
    sum += std::abs(pixels.data[at + c] - static_cast<int>(colour >> (16 - 8 * c) & 255));
  }
  return sum / 3;
}

TEST(DecodeImageTest, JpegKeepsItsColours) {
  const std::string file = Jpeg(32, 32, &FourColours);
  ASSERT_FALSE(file.empty());
  const auto pixels = Decode(file, "image/jpeg");
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  ASSERT_EQ(pixels->channels, 3u);
  for (const uint32_t row : {0u, 1u}) {
    for (const uint32_t column : {0u, 1u}) {
      EXPECT_LT(Difference(*pixels, column, row,
                           FourColours(static_cast<int>(column), static_cast<int>(row))),
                6)
          << column << " " << row;
    }
  }
}

// An Exif segment with nothing but an orientation, in front of the rest.
std::string WithOrientation(const std::string& jpeg, char orientation) {
  const std::string tiff = std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) +
                           orientation + std::string(7, '\0');
  const std::string body = std::string("Exif\0\0", 6) + tiff;
  const auto length = static_cast<uint32_t>(body.size() + 2);
  return jpeg.substr(0, 2) + "\xFF\xE1" + Be32(length).substr(2) + body + jpeg.substr(2);
}

TEST(DecodeImageTest, TheCamerasTurnIsMade) {
  // Stored: red, green over blue, grey. What is seen by Exif's definition, row by row.
  const std::string file = Jpeg(32, 48, &FourColours);
  struct Case {
    char orientation;
    uint32_t width;
    uint32_t top_left, top_right;
  };
  for (const Case& c : {Case{1, 32, 0xFF0000, 0x00FF00}, Case{2, 32, 0x00FF00, 0xFF0000},
                        Case{3, 32, 0x00FF00, 0xFF0000}, Case{4, 32, 0xFF0000, 0x00FF00},
                        Case{5, 48, 0xFF0000, 0xFF0000}, Case{6, 48, 0xFF0000, 0xFF0000},
                        Case{7, 48, 0x00FF00, 0x00FF00}, Case{8, 48, 0x00FF00, 0x00FF00}}) {
    const auto pixels = Decode(WithOrientation(file, c.orientation));
    ASSERT_TRUE(pixels.ok()) << pixels.status();
    EXPECT_EQ(pixels->width, c.width) << int{c.orientation};
    EXPECT_LT(Difference(*pixels, 0, 0, c.top_left), 6) << int{c.orientation};
    EXPECT_LT(Difference(*pixels, pixels->width / 16 - 1, 0, c.top_right), 6) << int{c.orientation};
  }
}

uint32_t CornerOnly(int column, int row) { return column == 0 && row == 0 ? 0xFFFFFF : 0; }

TEST(DecodeImageTest, TheCornerGoesWhereExifSays) {
  const std::string file = Jpeg(32, 48, &CornerOnly);
  // Where the stored top left corner is seen: right, bottom.
  const uint32_t seen[9][2] = {{}, {0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}, {1, 0}, {1, 1}, {0, 1}};
  for (unsigned char orientation = 1; orientation <= 8; ++orientation) {
    const auto pixels = Decode(WithOrientation(file, static_cast<char>(orientation)));
    ASSERT_TRUE(pixels.ok()) << pixels.status();
    const auto at = static_cast<size_t>(orientation);
    const uint32_t column = seen[at][0] ? pixels->width / 16 - 1 : 0;
    const uint32_t row = seen[at][1] ? pixels->height / 16 - 1 : 0;
    EXPECT_LT(Difference(*pixels, column, row, 0xFFFFFF), 6) << int{orientation};
  }
}

TEST(DecodeImageTest, EveryTruncationOfAPngIsRefused) {
  const std::string file = Png(28, 28, 8, 0, GreyRows(28, 28));
  for (size_t size = 0; size < file.size(); ++size) {
    ExpectRefused(std::to_string(size) + " bytes", Decode(file.substr(0, size)), "image.data");
  }
}

TEST(DecodeImageTest, EveryTruncationOfAJpegIsRefused) {
  const std::string file = Jpeg(48, 48, &FourColours);
  for (size_t size = 0; size < file.size(); ++size) {
    ExpectRefused(std::to_string(size) + " bytes", Decode(file.substr(0, size)), "image.data");
  }
}

TEST(DecodeImageTest, PngWhoseRowsEndEarlyIsRefused) {
  std::vector<std::string> rows = GreyRows(28, 28);
  rows.resize(14);
  ExpectRefused("half the rows", Decode(Png(28, 28, 8, 0, rows)), "image.data", "rows");
  rows.clear();
  ExpectRefused("no rows", Decode(Png(28, 28, 8, 0, rows)), "image.data");
  ExpectRefused("no IDAT", Decode(PngHeader(28, 28, 8, 0) + PngChunk("IEND", "")), "image.data");
}

TEST(DecodeImageTest, PictureOfTheFillColourIsNotTakenForUnfinished) {
  for (const char fill : {'\x5A', '\xA5'}) {
    const std::vector<std::string> rows(28, std::string(28, fill));
    const auto pixels = Decode(Png(28, 28, 8, 0, rows));
    ASSERT_TRUE(pixels.ok()) << pixels.status();
    EXPECT_EQ(pixels->data, Bytes(rows));
  }
}

TEST(DecodeImageTest, DamagedBytesOfAPngAreRefused) {
  const std::string file = Png(28, 28, 8, 0, GreyRows(28, 28));
  for (size_t at = 8; at < file.size() - 12; at += 13) {
    std::string broken = file;
    broken[at] = static_cast<char>(broken[at] ^ 0x10);
    ExpectRefused("byte " + std::to_string(at), Decode(broken), "image.data");
  }
}

TEST(DecodeImageTest, DamagedBytesOfAJpegNeverHurt) {
  const std::string file = Jpeg(48, 48, &FourColours);
  for (size_t at = 2; at < file.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string broken = file;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      const auto pixels = Decode(broken);
      if (pixels.ok()) {
        EXPECT_EQ(pixels->data.size(), size_t{pixels->width} * pixels->height * pixels->channels);
      } else {
        ExpectRefused("byte " + std::to_string(at), pixels, "image.data");
      }
    }
  }
}

TEST(DecodeImageTest, GiantDimensionsAreRefusedBeforeDecoding) {
  const std::string rest = PngChunk("IDAT", Zlib("")) + PngChunk("IEND", "");
  ExpectRefused("giant", Decode(PngHeader(100000, 100000, 8, 2) + rest), "image.data",
                "100000 x 100000");
  ExpectRefused("overflowing", Decode(PngHeader(0xFFFFFFFF, 0xFFFFFFFF, 8, 2) + rest), "image.data",
                "4294967295");
  ExpectRefused("empty", Decode(PngHeader(0, 5, 8, 2) + rest), "image.data", "0 x 5");
  std::string jpeg = Jpeg(16, 16, &FourColours);
  const size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xFF\xFF\xFF\xFF");
  ExpectRefused("giant JPEG", Decode(jpeg), "image.data", "65535 x 65535");
}

TEST(DecodeImageTest, PixelLimitIsInclusive) {
  const std::string file = Png(28, 20, 8, 0, GreyRows(28, 20));
  EXPECT_TRUE(DecodeImage({.data = file}, {.image_pixels_max = 560}).ok());
  ExpectRefused("one less", DecodeImage({.data = file}, {.image_pixels_max = 559}), "image.data",
                "559");
}

TEST(DecodeImageTest, UnfoldingProfilesAreLeftOut) {
  // An iCCP chunk that is no zlib stream: whoever looked into it would fail.
  const std::string extra = PngChunk("iCCP", std::string("p\0\0garbage", 10));
  EXPECT_TRUE(Decode(Png(28, 28, 8, 0, GreyRows(28, 28), extra)).ok());
}

TEST(DecodeImageTest, FormatAndMediaTypeMustAgree) {
  const std::string png = Png(28, 28, 8, 0, GreyRows(28, 28));
  ExpectRefused("PNG as JPEG", Decode(png, "image/jpeg"), "image.data", "image/jpeg");
  ExpectRefused("unknown type", Decode(png, "image/webp"), "image.media_type", "image/webp");
  ExpectRefused("no picture", Decode("hello"), "image.data", "no known format");
  ExpectRefused("playlist", Decode("#EXTM3U\nfile:///etc/passwd\n"), "image.data");
}

TEST(DecodeImageTest, RefusalsOfBarePixelsNameTheField) {
  const auto bare = [](uint32_t width, uint32_t height, uint32_t channels) {
    return DecodeImage({.data = "abcdef",
                        .media_type = "image/raw",
                        .width_px = width,
                        .height_px = height,
                        .channel_count = channels},
                       {});
  };
  ExpectRefused("4 channels", bare(1, 1, 4), "image.channel_count");
  ExpectRefused("no width", bare(0, 6, 1), "image.width_px");
  ExpectRefused("no height", bare(6, 0, 1), "image.height_px");
  ExpectRefused("too few bytes", bare(7, 1, 1), "image.data", "send 7");
  ExpectRefused("overflow", bare(0xFFFFFFFF, 0xFFFFFFFF, 3), "image.height_px");
}

}  // namespace
}  // namespace mixmatch
