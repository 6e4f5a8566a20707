// Loading the graph of a segment: damaged bytes are refused, and what is taken can be searched.
#include <cmath>

#include "storage/index/graph.h"
#include "tests/fuzz/input.h"

namespace mixmatch::fuzz {
namespace {

constexpr size_t kRows = 64;
constexpr size_t kDimension = 4;

std::shared_ptr<const Rows> MakeRows() {
  auto rows = std::make_shared<Rows>(0, kRows, kDimension);
  for (size_t i = 0; i < kRows; ++i) {
    const ItemId item = ItemId::ForPercept(i + 1, 0);
    float vector[kDimension];
    for (size_t d = 0; d < kDimension; ++d) {
      vector[d] = std::sin(static_cast<float>(i * kDimension + d)) / 2;
    }
    rows->Append({&item, 1}, vector);
  }
  return rows;
}

}  // namespace
}  // namespace mixmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto rows = mixmatch::fuzz::MakeRows();
  const mixmatch::IndexOptions options{.seal_at = 64, .graph_from = 64};
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto graph = mixmatch::Graph::Deserialize(rows, options, bytes);
  if (!graph.ok()) {
    mixmatch::fuzz::Require(absl::IsDataLoss(graph.status()));
    return 0;
  }
  const float query[4] = {0.5F, 0.5F, 0.5F, 0.5F};
  mixmatch::TopK nearest(5);
  (*graph)->Search(query, 5, mixmatch::ModalityId{1}, nearest).IgnoreError();
  return 0;
}
