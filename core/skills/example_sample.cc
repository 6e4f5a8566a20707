// The largest hash leaves first.
#include "core/skills/example_sample.h"

#include <iterator>
#include <utility>

#include "core/base/hash.h"

namespace mixmatch {
namespace {

constexpr uint64_t kSeed = 0x736b696c6c;  // apart from what else is chosen by hashes

}  // namespace

std::pair<uint64_t, uint64_t> ExampleSample::KeyOf(uint64_t example) {
  return {StableMix64(kSeed, example), example};
}

void ExampleSample::Add(SampledExample example) {
  const auto key = KeyOf(example.example);
  kept_.insert_or_assign(key, std::move(example));
  if (kept_.size() <= size_max_) return;
  kept_.erase(std::prev(kept_.end()));
  turned_away_ = true;
}

bool ExampleSample::Remove(uint64_t example) {
  if (kept_.erase(KeyOf(example)) == 0) return false;
  short_ = short_ || turned_away_;
  return true;
}

}  // namespace mixmatch
