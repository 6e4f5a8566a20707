// Below the watermark and above it, as it is measured.
#include "server/disk_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "absl/time/clock.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kInterval = absl::Milliseconds(5);

TEST(DiskGuardTest, RefusesBelowTheWatermarkAndGoesOnByItself) {
  std::atomic<uint64_t> left{200ULL << 20};
  const DiskGuard guard(
      100 << 20, [&left] { return left.load(); }, kInterval);
  EXPECT_TRUE(guard.Check("event not stored").ok());
  left = 40 << 20;
  for (int i = 0; i < 2000 && guard.Check("").ok(); ++i) absl::SleepFor(kInterval);
  const absl::Status full = guard.Check("event not stored");
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(std::string(full.message()), HasSubstr("event not stored: 40 MiB are left"));
  EXPECT_THAT(std::string(full.message()), HasSubstr("limits.disk_free_bytes is 100 MiB"));
  left = 100 << 20;
  for (int i = 0; i < 2000 && !guard.Check("").ok(); ++i) absl::SleepFor(kInterval);
  EXPECT_TRUE(guard.Check("").ok());
}

TEST(DiskGuardTest, IsFullFromTheStartWhereItIs) {
  const DiskGuard guard(100, [] { return 99; });
  EXPECT_FALSE(guard.Check("x").ok());
}

TEST(DiskGuardTest, WhatIsNotKnownOrNotAskedForStopsNothing) {
  EXPECT_TRUE(DiskGuard(100, [] { return std::nullopt; }).Check("x").ok());
  EXPECT_TRUE(DiskGuard(0, [] { return 0; }).Check("x").ok());
}

TEST(DiskGuardTest, MeasuresRealFileSystems) {
  EXPECT_GT(FreeBytes("/").value_or(0), 0U);
  EXPECT_FALSE(FreeBytes("/there/is/nothing").has_value());
}

}  // namespace
}  // namespace mixmatch
