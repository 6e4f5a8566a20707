// The parameters of a model: each starts from hash(seed, name, shape) alone, so every copy that
// makes one makes the same one, whenever it does.
//
// Internal to core/encoder and core/learning: includes torch.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/encoder/weights_file.h"

namespace mixmatch {

struct Parameter {
  std::string name;
  at::Tensor value;
  // How many linear maps lie one below the other in it: [maps * out, in...]. 0 where it is none: a
  // bias, a scale, a table whose rows are looked up.
  int64_t maps = 0;
  // A table [rows, width] of which a step looks up a few rows: its gradient is sparse.
  bool table = false;
};

// Values for a parameter: uniform in [-bound, bound], the same on every machine.
std::vector<float> SeededValues(uint64_t seed, std::string_view name,
                                const std::vector<int64_t>& sizes, float bound);

// Thread-safety: Not thread-safe; Model guards it.
class ParameterStore {
 public:
  // `trainable`: whether gradients are kept. Values of names in `loaded` are taken from there.
  ParameterStore(uint64_t seed, at::Device device, bool trainable,
                 std::map<std::string, WeightsFile::Tensor, std::less<>> loaded)
      : seed_(seed), device_(device), trainable_(trainable), loaded_(std::move(loaded)) {}

  // A parameter with seeded values; bound 0 gives zeros.
  at::Tensor Make(std::string_view name, std::vector<int64_t> sizes, float bound, int64_t maps = 0);
  // A table of seeded values, whose rows are looked up with sparse gradients.
  at::Tensor MakeTable(std::string_view name, std::vector<int64_t> sizes, float bound);
  // A parameter that starts as `value` everywhere.
  at::Tensor MakeFilled(std::string_view name, std::vector<int64_t> sizes, float value);

  // In the order of their making.
  const std::vector<Parameter>& all() const { return all_; }
  at::Device device() const { return device_; }
  // False when a loaded tensor had another shape than the parameter of its name.
  bool fits() const { return fits_; }
  // Loaded tensors that no parameter has asked for.
  size_t unclaimed() const { return loaded_.size(); }

 private:
  at::Tensor Add(std::string_view name, const std::vector<int64_t>& sizes,
                 std::vector<float> values, int64_t maps, bool table = false);

  const uint64_t seed_;
  const at::Device device_;
  const bool trainable_;
  std::map<std::string, WeightsFile::Tensor, std::less<>> loaded_;
  std::vector<Parameter> all_;
  bool fits_ = true;
};

}  // namespace mixmatch
