// The weight format: round trips, and what a flipped byte is answered with.
#include "core/encoder/weights_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace mixmatch {
namespace {

WeightsFile Sample() {
  WeightsFile file;
  file.facts["preset"] = std::string("na\0no", 5);
  file.SetNumber("steps", 12345678901234);
  file.tensors["a"] = {{2, 3}, {1, 2, 3, 4, 5, 6}};
  file.tensors["empty"] = {{0, 4}, {}};
  return file;
}

TEST(WeightsFileTest, ReadsWhatItWrote) {
  const auto file = ReadWeights(WriteWeights(Sample()));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->facts, Sample().facts);
  EXPECT_EQ(*file->Number("steps"), 12345678901234U);
  EXPECT_EQ(file->tensors.at("a").values, Sample().tensors.at("a").values);
  EXPECT_THAT(file->tensors.at("empty").sizes, ::testing::ElementsAre(0, 4));
  EXPECT_EQ(file->Number("preset").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(file->Number("none").status().code(), absl::StatusCode::kDataLoss);
}

TEST(WeightsFileTest, EveryFlippedBitIsDataLoss) {
  const std::string good = WriteWeights(Sample());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(ReadWeights(bad).status().code(), absl::StatusCode::kDataLoss) << bit;
  }
}

TEST(WeightsFileTest, EveryTruncationAndAnyAdditionIsDataLoss) {
  const std::string good = WriteWeights(Sample());
  for (size_t size = 0; size < good.size(); ++size) {
    ASSERT_EQ(ReadWeights(good.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(ReadWeights(good + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(WeightsFileTest, NumbersThatAreNotFiniteAreRefused) {
  WeightsFile file = Sample();
  file.tensors["a"].values[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(ReadWeights(WriteWeights(file)).status().code(), absl::StatusCode::kDataLoss);
}

TEST(WeightsFileTest, TheBytesOfVersionTwoDoNotChange) {
  WeightsFile file;
  file.SetNumber("n", 7);
  file.tensors["t"] = {{1}, {1.0F}};
  const std::string bytes = WriteWeights(file);
  const std::string expected(
      "MMWEIGHT\2\0\0\0"
      "\1\0\0\0\1\0\0\0n\1\0\0\0\0\0\0\0"
      "7"
      "\1\0\0\0\1\0\0\0t\1\0\0\0\1\0\0\0\0\0\0\0\0\0\x80\x3f",
      55);
  EXPECT_EQ(bytes.substr(0, bytes.size() - 8), expected);
}

}  // namespace
}  // namespace mixmatch
