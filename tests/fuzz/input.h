// Bytes of a fuzzer, taken from the front as numbers and texts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace mixmatch::fuzz {

// What is not there any more reads as 0.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  template <typename Number>
  Number Take() {
    Number number{};
    std::memcpy(&number, rest_.data(), std::min(sizeof(number), rest_.size()));
    rest_.remove_prefix(std::min(sizeof(number), rest_.size()));
    return number;
  }
  // A number below `below`, which is at least 1.
  uint32_t TakeBelow(uint32_t below) { return Take<uint32_t>() % below; }
  // At most `most` bytes, as many as a number before them says.
  std::string TakeText(uint32_t most) {
    const size_t size = std::min<size_t>(TakeBelow(most + 1), rest_.size());
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }
  std::string TakeRest() {
    std::string text(rest_);
    rest_ = {};
    return text;
  }

 private:
  std::string_view rest_;
};

// A promise that the code under test makes.
inline void Require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace mixmatch::fuzz
