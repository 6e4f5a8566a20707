// Text → words → hashed character n-grams: the fixed front end of text.
//
// Takes UTF-8 from events; gives features to storage and core/encoder. Knows no vocabulary and no
// language, so a word never seen before lies near those that are spelt alike.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/senses/features.h"

namespace mixmatch {

inline constexpr size_t kTextWordsMax = 64;
// Longer words are cut into pieces of this many code points.
inline constexpr size_t kWordCodePointsMax = 16;
// All of a longest piece: 16 + 15 + 14 n-grams of 3, 4 and 5 code points, and the whole word.
inline constexpr size_t kWordHashesMax = 46;

// Splits text into words and each word into hashes.
//   Words: runs of code points between white space and punctuation, lower-cased where one code
//   point has one small form (Latin, Greek, Cyrillic). Apostrophes, joiners and variation selectors
//   are left out, so "don't" is one word. An ideograph or emoji is a word of its own. Text of
//   punctuation alone is one word of what it is. The first kTextWordsMax words count. Bytes that
//   are no UTF-8 count as U+FFFD; composed and decomposed forms are not made equal.
//   Hashes: of the word between two boundary marks, first the whole (StableHash64 of its UTF-32
//   code units, seed 0), then every n-gram, n = 3, 4, 5 (seed n), in order; the low 32 bits.
//
// `content` is left for the caller. INVALID_ARGUMENT (field "text.text") when the text is empty.
// O(bytes). Thread-safe.
absl::StatusOr<Features> TextFeatures(std::string_view text);

}  // namespace mixmatch
