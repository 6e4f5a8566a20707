// Probes beyond the limit go to training, evenly over the stream, and never come back.
#include "core/learning/held_out.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/base/hash.h"

namespace mixmatch {
namespace {

ClosedEpisode Episode(uint64_t ordinal) {
  return {.id = 100 + ordinal,
          .probe = true,
          .probe_draw = static_cast<uint32_t>(StableMix64(1, ordinal) >> 32)};
}

TEST(HeldOutTest, HoldsAllUpToTheLimit) {
  HeldOut held_out(50);
  for (uint64_t i = 0; i < 50; ++i) EXPECT_TRUE(held_out.Add(i, Episode(i)).empty());
  EXPECT_EQ(held_out.probes().size(), 50U);
}

// Every third episode is a probe.
class EveryThird final : public TrainingSource {
 public:
  uint64_t closed_count() const override { return 300; }
  absl::Status ListClosed(uint64_t first, uint64_t limit,
                          std::vector<ClosedEpisode>& episodes) const override {
    for (uint64_t i = first; i < std::min(first + limit, closed_count()); ++i) {
      episodes.push_back(Episode(i));
      episodes.back().probe = i % 3 == 0;
    }
    return absl::OkStatus();
  }
  absl::Status Load(std::span<const EpisodeId>, std::vector<TrainingEpisode>&) const override {
    return absl::UnimplementedError("nothing to load");
  }
};

TEST(HeldOutTest, OfASourceIsWhatALearnerThatTookAsMuchHoldsOut) {
  HeldOut one_by_one(20);
  for (uint64_t i = 0; i < 250; i += 3) one_by_one.Add(i, Episode(i));
  const auto at_once = HeldOut::Of(EveryThird(), 250, 20);
  ASSERT_TRUE(at_once.ok());
  ASSERT_EQ(at_once->probes().size(), one_by_one.probes().size());
  for (size_t i = 0; i < at_once->probes().size(); ++i) {
    EXPECT_EQ(at_once->probes()[i].ordinal, one_by_one.probes()[i].ordinal);
  }
}

TEST(HeldOutTest, ReleasesTheSurplusEvenlyAndForGood) {
  HeldOut held_out(64);
  std::set<EpisodeId> released;
  constexpr uint64_t kCount = 4000;
  for (uint64_t i = 0; i < kCount; ++i) {
    for (const Probe& probe : held_out.Add(i, Episode(i))) {
      EXPECT_TRUE(released.insert(probe.id).second);
    }
    EXPECT_LE(held_out.probes().size(), 64U);
    for (const Probe& probe : held_out.probes()) EXPECT_FALSE(released.contains(probe.id));
  }
  EXPECT_EQ(released.size() + held_out.probes().size(), kCount);
  EXPECT_GE(held_out.probes().size(), 40U);
  size_t in_first_half = 0;
  for (const Probe& probe : held_out.probes()) in_first_half += probe.ordinal < kCount / 2 ? 1 : 0;
  const double share =
      static_cast<double>(in_first_half) / static_cast<double>(held_out.probes().size());
  EXPECT_NEAR(share, 0.5, 0.25);
}

TEST(HeldOutTest, IsAFunctionOfTheEpisodesAlone) {
  HeldOut one(32);
  HeldOut other(32);
  for (uint64_t i = 0; i < 500; ++i) one.Add(i, Episode(i));
  for (uint64_t i = 0; i < 500; ++i) other.Add(i, Episode(i));
  ASSERT_EQ(one.probes().size(), other.probes().size());
  for (size_t i = 0; i < one.probes().size(); ++i) {
    EXPECT_EQ(one.probes()[i].id, other.probes()[i].id);
  }
}

}  // namespace
}  // namespace mixmatch
