// Errors that name fields.
#include "core/base/status.h"

#include <gtest/gtest.h>

#include <memory>

namespace mixmatch {
namespace {

TEST(StatusTest, ErrorNamesItsField) {
  const absl::Status status = InvalidField("image.data", "picture refused: empty; send bytes");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "picture refused: empty; send bytes");
  EXPECT_EQ(FieldOf(status), "image.data");
}

TEST(StatusTest, ErrorKeepsAnotherCode) {
  const absl::Status status = FieldError(absl::StatusCode::kAlreadyExists, "event_id", "known");
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(FieldOf(status), "event_id");
}

TEST(StatusTest, ErrorWithoutFieldNamesNone) {
  EXPECT_EQ(FieldOf(absl::InternalError("bug")), "");
  EXPECT_EQ(FieldOf(absl::OkStatus()), "");
}

TEST(StatusTest, PrefixGoesBeforeTheField) {
  const absl::Status inner = InvalidField("image.data", "bad");
  const absl::Status outer = PrefixField(PrefixField(inner, "percepts[0]"), "event");
  EXPECT_EQ(FieldOf(outer), "event.percepts[0].image.data");
  EXPECT_EQ(outer.message(), "bad");
  EXPECT_EQ(FieldOf(inner), "image.data") << "the prefixed error must be a copy";
}

TEST(StatusTest, PrefixBecomesTheFieldWhereThereIsNone) {
  EXPECT_EQ(FieldOf(PrefixField(absl::InvalidArgumentError("bad"), "query")), "query");
}

absl::StatusOr<std::unique_ptr<int>> Box(int value) {
  if (value < 0) return absl::OutOfRangeError("negative");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> SumOfBoxes(int a, int b) {
  MM_ASSIGN_OR_RETURN(const std::unique_ptr<int> first, Box(a));
  MM_ASSIGN_OR_RETURN(const std::unique_ptr<int> second, Box(b));
  MM_RETURN_IF_ERROR(*first > 100 ? absl::ResourceExhaustedError("full") : absl::OkStatus());
  return *first + *second;
}

TEST(StatusTest, MacrosMoveValuesAndReturnErrors) {
  ASSERT_TRUE(SumOfBoxes(1, 2).ok());
  EXPECT_EQ(*SumOfBoxes(1, 2), 3);
  EXPECT_EQ(SumOfBoxes(1, -2).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(SumOfBoxes(101, 2).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace mixmatch
