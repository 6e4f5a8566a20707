// The model: stems, the shared attention trunk, pooling. One forward pass takes any number of
// sequences, each the tokens of one percept or of several; what a learner trains and an Encoder
// wraps.
//
// Internal to core/encoder and core/learning: includes torch.
// Letters: N tokens, D width, H heads, S sequences, E embedding.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/encoder/encoder.h"
#include "core/encoder/layers.h"
#include "core/encoder/parameters.h"
#include "core/encoder/stem.h"
#include "core/encoder/weights_file.h"

namespace mixmatch {

// The percepts of one attention pass, as places in a list of percepts.
using Sequence = std::vector<int>;

// Thread-safety: Safe for concurrent use, as long as nobody changes the parameters' values.
class Model {
 public:
  // `trainable`: gradients are kept. Parameters start from `weights` where these name them (as
  // Save() wrote them), else from the seed. DATA_LOSS when `weights` do not fit `config`.
  static absl::StatusOr<std::unique_ptr<Model>> Create(const ModelConfig& config, at::Device device,
                                                       bool trainable, WeightsFile weights = {});

  // The architecture that a file of Save() is of. DATA_LOSS.
  static absl::StatusOr<ModelConfig> ConfigOf(const WeightsFile& file);

  // Architecture and modalities into `file`, without parameter values.
  void SaveStructure(WeightsFile& file) const;
  // The above, and the values.
  void Save(WeightsFile& file) const;

  // INVALID_ARGUMENT when features do not fit their modality.
  absl::Status Check(const MixturePercept& percept) const;

  // Unit vectors [S, E] of sequences, each not empty, over percepts that passed Check(). A percept
  // goes through its stem once, whatever the number of sequences that it is in.
  at::Tensor Embed(std::span<const MixturePercept> percepts,
                   std::span<const Sequence> sequences) const;

  // All parameters made so far, in the order of their making. The tensors are the model's own.
  std::vector<Parameter> parameters() const;
  // Makes the parameters of these modalities, in their order, where they are not there yet.
  void Prepare(std::span<const ModalitySpec> modalities) const;
  std::vector<ModalitySpec> modalities() const;

  const ModelConfig& config() const { return config_; }
  at::Device device() const { return device_; }

 private:
  struct Block {
    Norm attention_norm;
    Linear qkv;  // [3D, D]
    Linear attention_out;
    Norm mlp_norm;
    Linear mlp_in;  // [4D, D]
    Linear mlp_out;
  };
  // The tokens of percepts: [N, D], those of percept i are rows begin[i] .. begin[i] + count[i].
  struct Tokens {
    at::Tensor values;
    std::vector<int64_t> begin;
    std::vector<int64_t> count;
  };

  Model(const ModelConfig& config, at::Device device, bool trainable, WeightsFile weights);

  const Stem* StemOf(const ModalitySpec& modality) const;
  Tokens Tokenise(std::span<const MixturePercept> percepts) const;
  // [S, E] from [N, D], sequence s being rows offsets[s] .. offsets[s + 1].
  at::Tensor Trunk(at::Tensor x, const at::Tensor& offsets) const;

  const ModelConfig config_;
  const at::Device device_;
  mutable absl::Mutex mutex_;
  mutable ParameterStore store_ ABSL_GUARDED_BY(mutex_);
  // Stems are never removed, so pointers to them stay good.
  mutable std::vector<std::pair<ModalitySpec, std::unique_ptr<const Stem>>> stems_
      ABSL_GUARDED_BY(mutex_);
  std::vector<Block> blocks_;
  Norm out_norm_;
  Linear out_;
};

}  // namespace mixmatch
