// What the healer does about damage that ended all writing: start anew once, and not again.
#include "server/database_healer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "absl/time/clock.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

TEST(DatabaseHealerTest, DamageHasTheDaemonStartAnewOnce) {
  const testing::TempDir dir;
  const auto database = *Database::Open(dir.path("db"), {});
  std::atomic<int> restarts = 0;
  const auto heal = [&] {
    return std::make_unique<DatabaseHealer>(
        database.get(), [&restarts] { ++restarts; }, absl::Milliseconds(10));
  };
  {
    const auto healer = heal();
    absl::SleepFor(absl::Milliseconds(50));
    EXPECT_EQ(restarts, 0);
    testing::DamageTable(*database, Family::kMeta);
    testing::CompactDamaged(*database, Family::kMeta);
    EXPECT_TRUE(absl::IsDataLoss(database->health())) << database->health();
    EXPECT_TRUE(testing::WaitUntil([&restarts] { return restarts == 1; }));
  }
  // The next life of the daemon meets it at once. Longer than it waits before another restart.
  const auto healer = heal();
  absl::SleepFor(absl::Milliseconds(2500));
  EXPECT_EQ(restarts, 1);
}

}  // namespace
}  // namespace mixmatch
