// Uniform, not normal values: no logarithm or cosine whose last bit differs between C libraries.
#include "core/encoder/parameters.h"

#include <utility>

#include "core/base/hash.h"

namespace mixmatch {
namespace {

size_t CountOf(const std::vector<int64_t>& sizes) {
  size_t count = 1;
  for (const int64_t size : sizes) count *= static_cast<size_t>(size);
  return count;
}

}  // namespace

std::vector<float> SeededValues(uint64_t seed, std::string_view name,
                                const std::vector<int64_t>& sizes, float bound) {
  std::vector<float> values(CountOf(sizes), 0.0F);
  if (bound == 0) return values;
  uint64_t state = StableHash64(name, seed);
  for (const int64_t size : sizes) state = StableMix64(state, static_cast<uint64_t>(size));
  for (size_t i = 0; i < values.size(); ++i) {
    // 24 bits: every value is exact in a float.
    const auto bits = static_cast<float>(StableMix64(state, i) >> 40);
    values[i] = (bits * 0x1p-23F - 1.0F) * bound;
  }
  return values;
}

at::Tensor ParameterStore::Make(std::string_view name, std::vector<int64_t> sizes, float bound,
                                int64_t maps) {
  return Add(name, sizes, SeededValues(seed_, name, sizes, bound), maps);
}

at::Tensor ParameterStore::MakeTable(std::string_view name, std::vector<int64_t> sizes,
                                     float bound) {
  return Add(name, sizes, SeededValues(seed_, name, sizes, bound), 0, /*table=*/true);
}

at::Tensor ParameterStore::MakeFilled(std::string_view name, std::vector<int64_t> sizes,
                                      float value) {
  return Add(name, sizes, std::vector<float>(CountOf(sizes), value), 0);
}

at::Tensor ParameterStore::Add(std::string_view name, const std::vector<int64_t>& sizes,
                               std::vector<float> values, int64_t maps, bool table) {
  if (const auto it = loaded_.find(name); it != loaded_.end()) {
    if (it->second.sizes == sizes) {
      values = std::move(it->second.values);
    } else {
      fits_ = false;
    }
    loaded_.erase(it);
  }
  at::Tensor tensor =
      at::from_blob(values.data(), sizes, at::TensorOptions().dtype(at::kFloat)).clone();
  tensor = tensor.to(device_);
  tensor.set_requires_grad(trainable_);
  all_.push_back({std::string(name), tensor, maps, table});
  return tensor;
}

}  // namespace mixmatch
