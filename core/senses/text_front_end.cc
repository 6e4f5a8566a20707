// Decode → classify and fold code points → words → hashes.
#include "core/senses/text_front_end.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/hash.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

static_assert(std::endian::native == std::endian::little, "hashes are part of the disk format");

// Outside Unicode, so no text contains them.
constexpr char32_t kWordBegin = 0x110000;
constexpr char32_t kWordEnd = 0x110001;

enum class Role { kInWord, kWordAlone, kSeparator, kLeftOut };

struct Range {
  char32_t first;
  char32_t last;
};

template <size_t N>
bool In(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& r) { return c >= r.first && c <= r.last; });
}

// ' ’ and soft hyphen, zero-width (non-)joiner, word joiner, variation selectors, skin tones.
constexpr Range kLeftOut[] = {{0x27, 0x27},     {0xAD, 0xAD},      {0x200B, 0x200D},
                              {0x2019, 0x2019}, {0x2060, 0x2060},  {0xFE00, 0xFE0F},
                              {0xFEFF, 0xFEFF}, {0x1F3FB, 0x1F3FF}};
// White space and punctuation: ASCII, Latin-1, Greek and Arabic marks, danda, general, CJK, full
// width.
constexpr Range kSeparators[] = {
    {0x00, 0x2F},     {0x3A, 0x40},     {0x5B, 0x60},     {0x7B, 0xA9},     {0xAB, 0xB1},
    {0xB4, 0xB4},     {0xB6, 0xB8},     {0xBB, 0xBB},     {0xBF, 0xBF},     {0xD7, 0xD7},
    {0xF7, 0xF7},     {0x37E, 0x37E},   {0x387, 0x387},   {0x589, 0x58A},   {0x5BE, 0x5BE},
    {0x60C, 0x60C},   {0x61B, 0x61B},   {0x61F, 0x61F},   {0x66A, 0x66D},   {0x6D4, 0x6D4},
    {0x964, 0x965},   {0x1680, 0x1680}, {0x2000, 0x206F}, {0x2E00, 0x2E7F}, {0x3000, 0x3004},
    {0x3008, 0x3020}, {0x3030, 0x3030}, {0x303D, 0x303D}, {0x30FB, 0x30FB}, {0xFF01, 0xFF0F},
    {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}};
// Ideographs and emoji.
constexpr Range kAlone[] = {{0x2600, 0x27BF},   {0x3005, 0x3007},  {0x3400, 0x4DBF},
                            {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},  {0x1F300, 0x1F3FA},
                            {0x1F400, 0x1FAFF}, {0x20000, 0x3FFFF}};

Role RoleOf(char32_t c) {
  if (In(kLeftOut, c)) return Role::kLeftOut;
  if (In(kSeparators, c)) return Role::kSeparator;
  return In(kAlone, c) ? Role::kWordAlone : Role::kInWord;
}

// In these ranges capitals and small letters alternate.
constexpr Range kCapitalEven[] = {{0x100, 0x12F}, {0x132, 0x137}, {0x14A, 0x177},
                                  {0x460, 0x481}, {0x48A, 0x4BF}, {0x4D0, 0x52F}};
constexpr Range kCapitalOdd[] = {{0x139, 0x148}, {0x179, 0x17E}, {0x4C1, 0x4CE}};

char32_t Lower(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 0x20;
  if (c < 0xC0) return c;
  if (c <= 0xDE && c != 0xD7) return c + 0x20;                  // Latin-1
  if (In(kCapitalEven, c)) return c | 1;                        // Latin and Cyrillic extensions
  if (In(kCapitalOdd, c)) return c + (c & 1);                   // the same, shifted
  if (c == 0x178) return 0xFF;                                  // Ÿ
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 0x20;  // Greek
  if (c == 0x386) return 0x3AC;
  if (c >= 0x388 && c <= 0x38A) return c + 0x25;
  if (c == 0x38C) return 0x3CC;
  if (c == 0x38E || c == 0x38F) return c + 0x3F;
  if (c == 0x3C2) return 0x3C3;                   // final sigma
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;  // Cyrillic
  if (c >= 0x410 && c <= 0x42F) return c + 0x20;
  return c;
}

// Length of the sequence that a lead byte announces; 0 when it is no lead byte.
size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

std::u32string Decode(std::string_view text) {
  std::u32string codes;
  codes.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = SequenceLength(lead);
    char32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    size_t used = 1;
    while (used < length && i + used < text.size() &&
           (static_cast<unsigned char>(text[i + used]) & 0xC0) == 0x80) {
      code = (code << 6) | (static_cast<unsigned char>(text[i + used]) & 0x3Fu);
      ++used;
    }
    codes.push_back(length != 0 && used == length && code < kWordBegin ? code : U'\uFFFD');
    i += used;
  }
  return codes;
}

class WordSplitter {
 public:
  std::vector<std::u32string> Split(const std::u32string& codes) && {
    for (const char32_t code : codes) {
      if (words_.size() >= kTextWordsMax) break;
      Take(code);
    }
    Close();
    if (words_.empty()) words_.push_back(codes.substr(0, kWordCodePointsMax));
    return std::move(words_);
  }

 private:
  void Take(char32_t code) {
    switch (RoleOf(code)) {
      case Role::kLeftOut:
        break;
      case Role::kSeparator:
        Close();
        break;
      case Role::kWordAlone:
        Close();
        open_.push_back(code);
        Close();
        break;
      case Role::kInWord:
        open_.push_back(Lower(code));
        if (open_.size() == kWordCodePointsMax) Close();
        break;
    }
  }

  void Close() {
    if (!open_.empty() && words_.size() < kTextWordsMax) words_.push_back(open_);
    open_.clear();
  }

  std::u32string open_;
  std::vector<std::u32string> words_;
};

uint32_t HashOf(std::u32string_view codes, uint64_t seed) {
  const std::string_view bytes(reinterpret_cast<const char*>(codes.data()),
                               codes.size() * sizeof(char32_t));
  return static_cast<uint32_t>(StableHash64(bytes, seed));
}

void AppendHashes(const std::u32string& word, std::vector<uint32_t>& out) {
  const std::u32string marked = kWordBegin + word + kWordEnd;
  const std::u32string_view view = marked;
  const size_t count_at = out.size();
  out.push_back(0);
  out.push_back(HashOf(view, 0));
  for (size_t n = 3; n <= 5; ++n) {
    for (size_t i = 0; i + n <= view.size(); ++i) out.push_back(HashOf(view.substr(i, n), n));
  }
  out[count_at] = static_cast<uint32_t>(out.size() - count_at - 1);
}

}  // namespace

absl::StatusOr<Features> TextFeatures(std::string_view text) {
  if (text.empty()) {
    return InvalidField("text.text", "text refused: empty; send at least one character");
  }
  std::vector<uint32_t> hashes;
  for (const std::u32string& word : WordSplitter().Split(Decode(text))) AppendHashes(word, hashes);
  Features features{.kind = PayloadKind::kText, .content = {}, .shape = {}, .bytes = {}};
  features.shape = {static_cast<uint32_t>(hashes.size())};
  features.SetValues<uint32_t>(hashes);
  return features;
}

}  // namespace mixmatch
