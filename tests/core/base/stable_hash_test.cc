// Hashes for seeds and choices, which are part of the disk format.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/base/hash.h"

namespace mixmatch {
namespace {

TEST(StableHashTest, StableHashesNeverChange) {
  EXPECT_EQ(StableHash64(""), 0xf52a15e9a9b5e89bULL);
  EXPECT_EQ(StableHash64("three"), 0x20b6afbffcd30d93ULL);
  EXPECT_EQ(StableHash64("three", 3), 0x663f627bb7ea3432ULL);
  EXPECT_EQ(StableMix64(1, 2), 0xd04ba4a2b36a25f3ULL);
}

TEST(StableHashTest, StableHashDependsOnBytesOrderAndSeed) {
  std::set<uint64_t> hashes = {StableHash64("ab"), StableHash64("ba"), StableHash64("ab", 1),
                               StableHash64(std::string_view("ab\0", 3)), StableHash64("")};
  EXPECT_EQ(hashes.size(), 5u);
  EXPECT_NE(StableMix64(1, 2), StableMix64(2, 1));
}

TEST(StableHashTest, StableHashSpreadsOverEveryBit) {
  std::vector<int> ones(64);
  constexpr int kCount = 4096;
  for (int i = 0; i < kCount; ++i) {
    const uint64_t hash = StableHash64(std::to_string(i));
    for (size_t b = 0; b < 64; ++b) ones[b] += static_cast<int>((hash >> b) & 1);
  }
  for (size_t b = 0; b < 64; ++b) EXPECT_NEAR(ones[b], kCount / 2.0, 200) << "bit " << b;
}

}  // namespace
}  // namespace mixmatch
