// What a part of a query weighs, and what that hangs on.
#include "server/part_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mixmatch {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

constexpr double kUnknown = std::numeric_limits<double>::infinity();
constexpr double kExact = 1e-12;

std::vector<PartnerDistance> Measured(uint64_t probes = 100) {
  return {{.from = "audio", .to = "pose", .mean = 0.09, .probe_count = probes},
          {.from = "audio", .to = "text", .mean = 0.01, .probe_count = probes},
          {.from = "image", .to = "pose", .mean = 0.01, .probe_count = probes},
          {.from = "image", .to = "text", .mean = 0.04, .probe_count = probes}};
}

std::vector<double> Weigh(double audio, double image, double apart,
                          const std::vector<std::string>& asked,
                          const std::vector<PartnerDistance>& measured) {
  const std::vector<QueryPart> parts = {{"audio", audio}, {"image", image}};
  return PartWeights(parts, apart, asked, measured);
}

TEST(PartWeightsTest, WherePartsAgreeTheOneThatIsKnownBestLeads) {
  EXPECT_THAT(Weigh(0.0007, 0.0017, 0, {"text"}, {}),
              ElementsAre(DoubleNear(1, kExact), DoubleNear(0.25, kExact)));
  // Whatever was measured: nothing is to be shared out.
  EXPECT_THAT(Weigh(0.0007, 0.0017, 0, {"text"}, Measured()),
              ElementsAre(DoubleNear(1, kExact), DoubleNear(0.25, kExact)));
}

TEST(PartWeightsTest, TheFartherApartTheLessThatCounts) {
  const double near = Weigh(0, 0.01, 0.1, {"text"}, {})[1];
  const double far = Weigh(0, 0.01, 1, {"text"}, {})[1];
  EXPECT_LT(near, 0.01);
  EXPECT_GT(far, 0.6);
}

TEST(PartWeightsTest, WherePartsDisagreeTheOneWhoseModalityFindsItsPartnersCountsMore) {
  // Measured 0.01 and 0.04 from words: half and twice their middle.
  const double audio = 0.0237 + 0.0003 + 0.05 * 0.5;
  const double image = 0.0041 + 0.0003 + 0.05 * 2;
  EXPECT_THAT(
      Weigh(0.0237, 0.0041, 1, {"text"}, Measured()),
      ElementsAre(DoubleNear(1, kExact), DoubleNear((audio / image) * (audio / image), kExact)));
  // Alike, the picture would lead.
  EXPECT_LT(Weigh(0.0237, 0.0041, 1, {"text"}, {})[0], 1);
}

TEST(PartWeightsTest, WhatIsAskedForDecidesAndSeveralAreTakenTogether) {
  EXPECT_LT(Weigh(0, 0, 1, {"pose"}, Measured())[0], 1);
  EXPECT_LT(Weigh(0, 0, 1, {"text"}, Measured())[1], 1);
  // 0.05 and 0.025 on average, 1.41 and 0.71 of their middle.
  const double ratio = (0.0003 + 0.05 / std::sqrt(2.0)) / (0.0003 + 0.05 * std::sqrt(2.0));
  EXPECT_THAT(Weigh(0, 0, 1, {"pose", "text"}, Measured()),
              ElementsAre(DoubleNear(ratio * ratio, kExact), DoubleNear(1, kExact)));
}

TEST(PartWeightsTest, AlikeWhileItIsNotKnownOfAllParts) {
  const std::vector<double> alike = Weigh(0.002, 0.003, 0.5, {"text"}, {});
  EXPECT_EQ(Weigh(0.002, 0.003, 0.5, {"text"}, Measured(/*probes=*/7)), alike);
  EXPECT_EQ(Weigh(0.002, 0.003, 0.5, {"audio", "image"}, Measured()), alike);
  EXPECT_EQ(Weigh(0.002, 0.003, 0.5, {}, Measured()), alike);
  std::vector<PartnerDistance> of_audio = Measured();
  of_audio.pop_back();
  EXPECT_EQ(Weigh(0.002, 0.003, 0.5, {"text"}, of_audio), alike);
  EXPECT_NE(Weigh(0.002, 0.003, 0.5, {"text"}, Measured()), alike);
}

TEST(PartWeightsTest, OfWhichNothingIsKnownDoesNotCountBesideOthers) {
  EXPECT_THAT(Weigh(0.3, kUnknown, 1, {"text"}, {}), ElementsAre(1, 0));
  EXPECT_THAT(Weigh(kUnknown, kUnknown, 1, {"text"}, {}), ElementsAre(1, 1));
}

}  // namespace
}  // namespace mixmatch
