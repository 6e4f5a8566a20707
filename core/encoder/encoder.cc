// The published encoder: a model whose parameters never change.
#include "core/encoder/encoder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/encoder/model.h"
#include "core/encoder/weights_file.h"

namespace mixmatch {
namespace {

class ModelEncoder final : public Encoder {
 public:
  explicit ModelEncoder(std::unique_ptr<Model> model) : model_(std::move(model)) {}

  std::string Serialize() const override {
    WeightsFile file;
    model_->Save(file);
    return WriteWeights(file);
  }

  const ModelConfig& config() const override { return model_->config(); }

  uint64_t parameter_count() const override {
    uint64_t count = 0;
    for (const Parameter& p : model_->parameters()) {
      count += static_cast<uint64_t>(p.value.numel());
    }
    return count;
  }

  absl::Status Embed(std::span<const Mixture> mixtures, std::span<float> out) const override {
    const auto width = static_cast<size_t>(config().embedding);
    if (out.size() != mixtures.size() * width) {
      return absl::InternalError(absl::StrCat("embed: room for ", out.size(), " numbers where ",
                                              mixtures.size() * width, " are made"));
    }
    if (mixtures.empty()) return absl::OkStatus();
    std::vector<MixturePercept> percepts;
    std::vector<Sequence> sequences;
    for (const Mixture& mixture : mixtures) {
      if (mixture.empty()) return absl::InvalidArgumentError("embed: a mixture of no percepts");
      sequences.emplace_back();
      for (const MixturePercept& percept : InOrder(mixture)) {
        MM_RETURN_IF_ERROR(model_->Check(percept));
        sequences.back().push_back(static_cast<int>(percepts.size()));
        percepts.push_back(percept);
      }
    }
    try {
      const c10::NoGradGuard no_gradients;
      const at::Tensor embeddings = model_->Embed(percepts, sequences);  // [B, E]
      std::copy_n(embeddings.contiguous().data_ptr<float>(), out.size(), out.data());
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("embed: ", error.what()));
    }
    if (!std::all_of(out.begin(), out.end(), [](float v) { return std::isfinite(v); })) {
      return absl::InternalError("embed: an embedding is not finite; roll back the generation");
    }
    return absl::OkStatus();
  }

 private:
  // The same order whatever the caller's, so that rounding is the same too.
  static Mixture InOrder(Mixture mixture) {
    std::stable_sort(mixture.begin(), mixture.end(),
                     [](const MixturePercept& a, const MixturePercept& b) {
                       if (a.modality->name != b.modality->name) {
                         return a.modality->name < b.modality->name;
                       }
                       return a.features->bytes < b.features->bytes;
                     });
    return mixture;
  }

  const std::unique_ptr<const Model> model_;
};

absl::StatusOr<std::shared_ptr<const Encoder>> MakeEncoder(const ModelConfig& config,
                                                           WeightsFile weights) {
  try {
    MM_ASSIGN_OR_RETURN(std::unique_ptr<Model> model,
                        Model::Create(config, at::kCPU,
                                      /*trainable=*/false, std::move(weights)));
    return std::make_shared<const ModelEncoder>(std::move(model));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("encoder: ", error.what()));
  }
}

}  // namespace

absl::StatusOr<ModelConfig> ModelConfigOf(std::string_view preset, uint64_t seed) {
  ModelConfig config;
  config.preset = preset;
  config.seed = seed;
  if (preset == "nano") return config;
  if (preset == "small") {
    config.width = 256;
    config.layers = 4;
    config.heads = 8;
    return config;
  }
  if (preset == "base") {
    config.width = 512;
    config.layers = 8;
    config.heads = 16;
    return config;
  }
  return InvalidField("model.preset", absl::StrCat("model: there is no preset \"", config.preset,
                                                   "\"; choose nano, small or base"));
}

absl::StatusOr<std::shared_ptr<const Encoder>> Encoder::Create(const ModelConfig& config) {
  return MakeEncoder(config, {});
}

absl::StatusOr<std::shared_ptr<const Encoder>> Encoder::Deserialize(std::string_view bytes) {
  MM_ASSIGN_OR_RETURN(WeightsFile file, ReadWeights(bytes));
  MM_ASSIGN_OR_RETURN(const ModelConfig config, Model::ConfigOf(file));
  if (file.tensors.empty()) return absl::DataLossError("weights: there is no tensor in them");
  return MakeEncoder(config, std::move(file));
}

}  // namespace mixmatch
