// Loading the lists of a segment: damaged bytes are refused, and what is taken can be searched.
#include <cmath>

#include "storage/index/lists.h"
#include "tests/fuzz/input.h"

namespace mixmatch::fuzz {
namespace {

constexpr size_t kRows = 64;
constexpr size_t kDimension = 4;

}  // namespace
}  // namespace mixmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mixmatch::fuzz::kDimension;
  using mixmatch::fuzz::kRows;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  auto loader = mixmatch::Lists::Loader::Create(0, kRows, kDimension, {}, bytes);
  if (!loader.ok()) {
    mixmatch::fuzz::Require(absl::IsDataLoss(loader.status()));
    return 0;
  }
  for (size_t i = 0; i < kRows; ++i) {
    const auto item = mixmatch::ItemId::ForPercept(i + 1, 0);
    float vector[kDimension];
    for (size_t d = 0; d < kDimension; ++d) {
      vector[d] = std::sin(static_cast<float>(i * kDimension + d)) / 2;
    }
    (*loader)->Append({&item, 1}, vector);
  }
  mixmatch::fuzz::Require((*loader)->missing() == 0);
  const float query[kDimension] = {0.5F, 0.5F, 0.5F, 0.5F};
  mixmatch::TopK nearest(5);
  (*loader)->Take()->Search(mixmatch::CodeQuery(query), {.k = 5, .equal_max = 5},
                            mixmatch::ModalityId{1}, nullptr, nearest);
  mixmatch::fuzz::Require(nearest.Take().size() == 5);
  return 0;
}
