// How text is split, folded and hashed. The hashes are golden: stored features hold them.
#include "core/senses/text_front_end.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace mixmatch {
namespace {

using Words = std::vector<std::vector<uint32_t>>;

// The hashes, word by word; checks the layout on the way.
Words WordsOf(std::string_view text) {
  const auto features = TextFeatures(text);
  EXPECT_TRUE(features.ok()) << features.status();
  Words words;
  if (!features.ok()) return words;
  const std::vector<uint32_t> flat = features->Values<uint32_t>();
  EXPECT_EQ(features->shape, std::vector<uint32_t>{static_cast<uint32_t>(flat.size())});
  for (size_t i = 0; i < flat.size(); i += 1 + flat[i]) {
    EXPECT_GE(flat[i], 1u);
    EXPECT_LE(i + 1 + flat[i], flat.size());
    if (flat[i] == 0 || i + 1 + flat[i] > flat.size()) return words;
    const auto first = flat.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    words.emplace_back(first, first + static_cast<std::ptrdiff_t>(flat[i]));
  }
  return words;
}

TEST(TextFrontEndTest, HashesNeverChange) {
  EXPECT_EQ(WordsOf("two"), (Words{{0xf8c2c14d, 0xe49978fe, 0x0fe530b2, 0x9c1f2d38, 0xfc40e3a5,
                                    0x0ba443a9, 0xf9fbbc35}}));
  EXPECT_EQ(WordsOf("é"), (Words{{0x498ebc2c, 0x7879f039}}));
}

TEST(TextFrontEndTest, SplitsAtSpaceAndPunctuation) {
  const Words words = WordsOf("three four");
  ASSERT_EQ(words.size(), 2u);
  for (const char* same : {"three, four!", " three\tfour\n", "three-four", "three\u00A0four",
                           "“three…four”", "three/four", "three\u3000four", "(three) [four]"}) {
    EXPECT_EQ(WordsOf(same), words) << same;
  }
  EXPECT_NE(WordsOf("threefour"), words);
}

TEST(TextFrontEndTest, AWordIsTheSameWhereverItStands) {
  EXPECT_EQ(WordsOf("three four")[1], WordsOf("four")[0]);
}

TEST(TextFrontEndTest, CaseDoesNotMatter) {
  EXPECT_EQ(WordsOf("THREE"), WordsOf("three"));
  EXPECT_EQ(WordsOf("ÄÖÜ ÑÉ ŠŽŁ ĆĽ Ÿ"), WordsOf("äöü ñé šžł ćľ ÿ"));
  EXPECT_EQ(WordsOf("ΤΡΊΑ ΏΡΑ ΑΒΣ"), WordsOf("τρία ώρα αβς"));
  EXPECT_EQ(WordsOf("ТРИ ЁЖ ЇЖАК"), WordsOf("три ёж їжак"));
  EXPECT_NE(WordsOf("три"), WordsOf("трі"));
}

TEST(TextFrontEndTest, ApostrophesJoin) {
  EXPECT_EQ(WordsOf("don't").size(), 1u);
  EXPECT_EQ(WordsOf("don't"), WordsOf("don’t"));
}

TEST(TextFrontEndTest, IdeographsAndEmojiAreWordsOfTheirOwn) {
  EXPECT_EQ(WordsOf("三四").size(), 2u);
  EXPECT_EQ(WordsOf("三四")[1], WordsOf("四")[0]);
  EXPECT_EQ(WordsOf("hi😀").size(), 2u);
  EXPECT_EQ(WordsOf("👍🏽"), WordsOf("👍"));
}

TEST(TextFrontEndTest, TextWithoutLettersStillIsAWord) {
  EXPECT_EQ(WordsOf("!?").size(), 1u);
  EXPECT_EQ(WordsOf(" ").size(), 1u);
  EXPECT_EQ(WordsOf("'").size(), 1u);
  EXPECT_NE(WordsOf("!?"), WordsOf("?!"));
}

TEST(TextFrontEndTest, SimilarSpellingSharesHashes) {
  const std::vector<uint32_t> a = WordsOf("walking")[0];
  const std::vector<uint32_t> b = WordsOf("walked")[0];
  const std::vector<uint32_t> c = WordsOf("three")[0];
  const auto shared = [](const std::vector<uint32_t>& x, const std::vector<uint32_t>& y) {
    return std::count_if(x.begin(), x.end(),
                         [&](uint32_t h) { return std::find(y.begin(), y.end(), h) != y.end(); });
  };
  EXPECT_GE(shared(a, b), 6);  // ^wa wal alk, ^wal walk, ^walk
  EXPECT_EQ(shared(a, c), 0);
}

TEST(TextFrontEndTest, CountsOfHashesAreWhatTheHeaderSays) {
  EXPECT_EQ(WordsOf("a")[0].size(), 2u);    // whole; ^a$
  EXPECT_EQ(WordsOf("two")[0].size(), 7u);  // whole; 3 + 2 + 1
  const Words longest = WordsOf(std::string(16, 'x'));
  ASSERT_EQ(longest.size(), 1u);
  EXPECT_EQ(longest[0].size(), kWordHashesMax);
}

TEST(TextFrontEndTest, LimitsHold) {
  EXPECT_EQ(WordsOf(std::string(40, 'x')).size(), 3u);  // 16 + 16 + 8
  std::string many;
  for (int i = 0; i < 100; ++i) many += "word" + std::to_string(i) + " ";
  const Words words = WordsOf(many);
  ASSERT_EQ(words.size(), kTextWordsMax);
  EXPECT_EQ(words[63], WordsOf("word63")[0]);
  EXPECT_EQ(WordsOf(std::string(1 << 16, 'y')).size(), kTextWordsMax);
}

TEST(TextFrontEndTest, BrokenUtf8CountsAsReplacementCharacters) {
  EXPECT_EQ(WordsOf("a\xFFz"), WordsOf("a\uFFFDz"));
  EXPECT_EQ(WordsOf("a\xE4\xB8"), WordsOf("a\uFFFD"));
  EXPECT_EQ(WordsOf("\xF4\x90\x80\x80"), WordsOf("\uFFFD"));
}

TEST(TextFrontEndTest, RefusesEmptyText) {
  EXPECT_EQ(FieldOf(TextFeatures("").status()), "text.text");
}

}  // namespace
}  // namespace mixmatch
