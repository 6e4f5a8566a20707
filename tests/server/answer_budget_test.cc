// What one answer may hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/recaller.h"

namespace mixmatch {
namespace {

TEST(AnswerBudgetTest, AnAnswerThatGrowsTooLargeIsRefusedWithTheField) {
  AnswerBudget budget;
  const size_t mebibyte = 1 << 20;
  for (int i = 0; i < 192; ++i) ASSERT_TRUE(budget.Take(mebibyte).ok());
  const absl::Status refused = budget.Take(1);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(refused.message(), ::testing::HasSubstr("view"));
}

}  // namespace
}  // namespace mixmatch
