// Some of the taught examples, with their features: to choose by, to calibrate by, and to show.
//
// Which ones is a function of what is taught and not of the order: those whose hashes are smallest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace mixmatch {

struct SampledExample {
  uint64_t example = 0;
  std::vector<int> outputs;  // the labels it has, by number; rising
  double number = 0;
  std::vector<float> x;  // [D]
};

// Thread-safety: Not thread-safe: one owner thread.
class ExampleSample {
 public:
  // At most `size_max` examples are kept.
  explicit ExampleSample(size_t size_max) : size_max_(size_max) {}

  // Takes part in the choice. An example that is there already is replaced.
  void Add(SampledExample example);
  // Returns whether it was among the kept. Then the sample may lack one that would be in it by now
  // had this one never been there: short_of_one() says so.
  bool Remove(uint64_t example);
  // Whether examples were turned away before one of the kept was removed: to be the same as if
  // that one had never been there, the sample must be made anew.
  bool short_of_one() const { return short_; }

  size_t size() const { return kept_.size(); }
  // In the order of their hashes.
  const std::map<std::pair<uint64_t, uint64_t>, SampledExample>& kept() const { return kept_; }

 private:
  static std::pair<uint64_t, uint64_t> KeyOf(uint64_t example);

  size_t size_max_;
  bool turned_away_ = false;
  bool short_ = false;
  std::map<std::pair<uint64_t, uint64_t>, SampledExample> kept_;  // by (hash, example)
};

}  // namespace mixmatch
