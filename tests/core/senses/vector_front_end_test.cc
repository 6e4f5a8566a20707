// Vectors are checked and copied.
#include "core/senses/vector_front_end.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/base/status.h"

namespace mixmatch {
namespace {

TEST(VectorFrontEndTest, CopiesTheNumbers) {
  const auto features = VectorFeatures({{1.5f, -2, 0}});
  ASSERT_TRUE(features.ok());
  EXPECT_EQ(features->kind, PayloadKind::kVector);
  EXPECT_EQ(features->shape, std::vector<uint32_t>{3});
  EXPECT_EQ(features->Values<float>(), (std::vector<float>{1.5f, -2, 0}));
}

TEST(VectorFrontEndTest, RefusesNothingAndWhatIsNotFinite) {
  EXPECT_EQ(FieldOf(VectorFeatures({}).status()), "vector.values");
  EXPECT_EQ(FieldOf(VectorFeatures({{std::numeric_limits<float>::quiet_NaN()}}).status()),
            "vector.values");
  EXPECT_EQ(FieldOf(VectorFeatures({{-std::numeric_limits<float>::infinity()}}).status()),
            "vector.values");
}

}  // namespace
}  // namespace mixmatch
