// One step: plan, embed, contrast, back, update.
#include "core/learning/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/encoder/bf16_gemm.h"
#include "core/encoder/model.h"
#include "core/encoder/product.h"
#include "core/encoder/weights_file.h"
#include "core/learning/batch.h"
#include "core/learning/optimiser.h"

namespace mixmatch {
namespace {

// What the design fixes: nothing here is configuration.
struct HyperParameters {
  float scale = 10;  // inverse temperature of the contrast
  float view_weight = 0;
  OptimiserSettings optimiser;
};

constexpr HyperParameters kHyper;
constexpr char kWeights[] = "value/";

absl::StatusOr<at::Device> DeviceOf(const std::string& name) {
  if (name == "auto") return at::hasCUDA() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  try {
    const at::Device device(name);
    if (device.is_cpu() || (device.is_cuda() && at::hasCUDA())) return device;
  } catch (const std::exception&) {
    // Said below.
  }
  return InvalidField("model.device", absl::StrCat("trainer: there is no device \"", name,
                                                   "\" here; use auto, cpu or cuda:0"));
}

// Whether products are computed in bfloat16.
absl::StatusOr<bool> IsReduced(const std::string& name, const at::Device& device) {
  const bool can = device.is_cpu() && Bf16Supported();
  if (name == "auto") return can && Bf16Faster();
  if (name == "fp32") return false;
  if (name == "bf16" && can) return true;
  return InvalidField("learning.precision",
                      absl::StrCat("trainer: precision \"", name, "\" refused",
                                   name == "bf16" ? ": this device has no instructions for it" : "",
                                   "; use auto, fp32", can ? " or bf16" : ""));
}

class ModelTrainer final : public Trainer {
 public:
  ModelTrainer(std::unique_ptr<Model> model, const TrainerConfig& config, bool reduced)
      : config_(config), reduced_(reduced), model_(std::move(model)), optimiser_(kHyper.optimiser) {
    optimiser_.Adopt(model_->parameters());
  }

  // The rest of a checkpoint, once the model has its values.
  absl::Status Load(WeightsFile& file) {
    MM_ASSIGN_OR_RETURN(steps_, file.Number("steps"));
    return optimiser_.Load(file);
  }

  std::string Checkpoint() const override {
    WeightsFile file;
    model_->SaveStructure(file);
    WeightsFile values;
    model_->Save(values);
    for (auto& [name, tensor] : values.tensors) file.tensors[kWeights + name] = std::move(tensor);
    optimiser_.Save(file);
    file.SetNumber("steps", steps_);
    return WriteWeights(file);
  }

  absl::StatusOr<StepResult> Step(std::span<const TrainingEpisode> batch,
                                  uint64_t settled) override {
    const BatchPlan plan = PlanBatch(
        batch,
        {.augment = true, .percepts_max = config_.percepts_max, .view_weight = kHyper.view_weight},
        StableMix64(model_->config().seed, steps_));
    if (CountPositives(plan.terms, plan.neutral) == 0) return StepResult{};
    ContrastResult contrast;
    for (const MixturePercept& percept : plan.percepts) {
      MM_RETURN_IF_ERROR(model_->Check(percept));
    }
    const ProductScope products(reduced_);
    try {
      optimiser_.Adopt(model_->parameters());
      const at::Tensor embeddings = model_->Embed(plan.percepts, plan.sequences);  // [S, E]
      contrast = Backward(plan, embeddings);
      MM_RETURN_IF_ERROR(optimiser_.Update(settled));
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("step: ", error.what()));
    }
    ++steps_;
    return StepResult{
        .loss = contrast.loss, .positives = contrast.positives, .pairs = std::move(contrast.pairs)};
  }

  absl::StatusOr<std::shared_ptr<const Encoder>> Averaged() const override {
    WeightsFile file;
    model_->SaveStructure(file);
    optimiser_.SaveAverages(file);
    return Encoder::Deserialize(WriteWeights(file));
  }

  uint64_t steps() const override { return steps_; }

  uint64_t parameter_count() const override {
    uint64_t count = 0;
    for (const Parameter& p : model_->parameters()) {
      count += static_cast<uint64_t>(p.value.numel());
    }
    return count;
  }

  std::string device() const override { return model_->device().str(); }

  std::string precision() const override { return reduced_ ? "bf16" : "fp32"; }

 private:
  // Leaves gradients at the parameters; returns the losses.
  ContrastResult Backward(const BatchPlan& plan, const at::Tensor& embeddings) {
    const at::Tensor plain = embeddings.detach().to(at::kCPU).contiguous();
    at::Tensor gradient = at::zeros_like(plain);
    const auto count = static_cast<size_t>(plain.numel());
    ContrastResult result =
        Contrast({plain.data_ptr<float>(), count}, model_->config().embedding, plan.terms,
                 plan.neutral, kHyper.scale, {gradient.data_ptr<float>(), count});
    embeddings.backward(gradient.to(embeddings.device()));
    return result;
  }

  const TrainerConfig config_;
  const bool reduced_;
  const std::unique_ptr<Model> model_;
  Optimiser optimiser_;
  uint64_t steps_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(const ModelConfig& model,
                                                         const TrainerConfig& config) {
  MM_ASSIGN_OR_RETURN(const at::Device device, DeviceOf(config.device));
  MM_ASSIGN_OR_RETURN(const bool reduced, IsReduced(config.precision, device));
  try {
    MM_ASSIGN_OR_RETURN(std::unique_ptr<Model> made,
                        Model::Create(model, device, /*trainable=*/true));
    return std::make_unique<ModelTrainer>(std::move(made), config, reduced);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("trainer: ", error.what()));
  }
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Restore(const ModelConfig& model,
                                                          const TrainerConfig& config,
                                                          std::string_view checkpoint) {
  MM_ASSIGN_OR_RETURN(WeightsFile file, ReadWeights(checkpoint));
  MM_ASSIGN_OR_RETURN(const ModelConfig saved, Model::ConfigOf(file));
  if (saved.width != model.width || saved.layers != model.layers || saved.heads != model.heads ||
      saved.embedding != model.embedding) {
    return absl::FailedPreconditionError(
        absl::StrCat("learner checkpoint: of preset ", saved.preset, ", width ", saved.width,
                     ", layers ", saved.layers, ", not of the configured ", model.preset,
                     "; set model.preset back or let a "
                     "new learner start"));
  }
  MM_ASSIGN_OR_RETURN(const at::Device device, DeviceOf(config.device));
  MM_ASSIGN_OR_RETURN(const bool reduced, IsReduced(config.precision, device));
  WeightsFile weights;
  weights.facts = file.facts;
  for (auto it = file.tensors.lower_bound(kWeights);
       it != file.tensors.end() && it->first.starts_with(kWeights); it = file.tensors.erase(it)) {
    weights.tensors[it->first.substr(std::string_view(kWeights).size())] = std::move(it->second);
  }
  if (weights.tensors.empty()) return absl::DataLossError("learner checkpoint: no weights in it");
  try {
    MM_ASSIGN_OR_RETURN(std::unique_ptr<Model> made,
                        Model::Create(saved, device, /*trainable=*/true, std::move(weights)));
    auto trainer = std::make_unique<ModelTrainer>(std::move(made), config, reduced);
    MM_RETURN_IF_ERROR(trainer->Load(file));
    return trainer;
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("learner checkpoint: ", error.what()));
  }
}

}  // namespace mixmatch
