// In reading order: making, saving, then the forward pass.
#include "core/encoder/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/encoder/ragged.h"

namespace mixmatch {
namespace {

constexpr char kModality[] = "modality/";

at::Tensor IndexTensor(const std::vector<int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.data_ptr<int64_t>());
  return tensor;
}

}  // namespace

Model::Model(const ModelConfig& config, at::Device device, bool trainable, WeightsFile weights)
    : config_(config),
      device_(device),
      store_(config.seed, device, trainable, std::move(weights.tensors)) {
  const int64_t width = config.width;
  // What a block adds starts small, so that depth does not change the scale of what goes through.
  const float gain = 1.0F / std::sqrt(2.0F * static_cast<float>(config.layers));
  for (int i = 0; i < config.layers; ++i) {
    const std::string name = absl::StrCat("trunk/", i);
    blocks_.push_back({Norm::Make(store_, name + "/attention_norm", width),
                       Linear::Make(store_, name + "/qkv", width, 3 * width, 1, /*maps=*/3),
                       Linear::Make(store_, name + "/attention_out", width, width, gain),
                       Norm::Make(store_, name + "/mlp_norm", width),
                       Linear::Make(store_, name + "/mlp_in", width, 4 * width, 1.4F),
                       Linear::Make(store_, name + "/mlp_out", 4 * width, width, gain)});
  }
  out_norm_ = Norm::Make(store_, "out/norm", width);
  out_ = Linear::Make(store_, "out/projection", width, config.embedding);
}

absl::StatusOr<std::unique_ptr<Model>> Model::Create(const ModelConfig& config, at::Device device,
                                                     bool trainable, WeightsFile weights) {
  if (config.width < 8 || config.layers < 1 || config.heads < 1 || config.embedding < 1 ||
      config.width % 8 != 0 || config.width % config.heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("model: width ", config.width, ", layers ", config.layers, ", heads ",
                     config.heads, ", embedding ", config.embedding,
                     " make no architecture; the width must be a multiple of 8 and of the heads"));
  }
  const bool loading = !weights.tensors.empty();
  std::vector<ModalitySpec> modalities;
  for (int i = 0; weights.facts.contains(absl::StrCat(kModality, i)); ++i) {
    const std::string& fact = weights.facts[absl::StrCat(kModality, i)];
    if (fact.size() < 5) return absl::DataLossError("weights: a modality's entry is cut off");
    ModalitySpec modality;
    modality.kind = static_cast<PayloadKind>(fact[0]);
    for (int b = 0; b < 4; ++b) {
      modality.dimension |= uint32_t{static_cast<uint8_t>(fact[static_cast<size_t>(b) + 1])}
                            << (8 * b);
    }
    modality.name = fact.substr(5);
    modalities.push_back(std::move(modality));
  }
  std::unique_ptr<Model> model(new Model(config, device, trainable, std::move(weights)));
  model->Prepare(modalities);
  const absl::MutexLock lock(&model->mutex_);
  if (loading && (!model->store_.fits() || model->store_.unclaimed() != 0 ||
                  model->stems_.size() != modalities.size())) {
    return absl::DataLossError(
        "weights: their tensors are not those of their architecture; restore them from a "
        "checkpoint or a snapshot");
  }
  return model;
}

absl::StatusOr<ModelConfig> Model::ConfigOf(const WeightsFile& file) {
  ModelConfig config;
  MM_ASSIGN_OR_RETURN(const uint64_t width, file.Number("width"));
  MM_ASSIGN_OR_RETURN(const uint64_t layers, file.Number("layers"));
  MM_ASSIGN_OR_RETURN(const uint64_t heads, file.Number("heads"));
  MM_ASSIGN_OR_RETURN(const uint64_t embedding, file.Number("embedding"));
  MM_ASSIGN_OR_RETURN(config.seed, file.Number("seed"));
  if (std::max({width, layers, heads, embedding}) > (1U << 20) || !file.facts.contains("preset")) {
    return absl::DataLossError("weights: they describe no architecture");
  }
  config.width = static_cast<int>(width);
  config.layers = static_cast<int>(layers);
  config.heads = static_cast<int>(heads);
  config.embedding = static_cast<int>(embedding);
  config.preset = file.facts.find("preset")->second;
  return config;
}

void Model::SaveStructure(WeightsFile& file) const {
  file.facts["preset"] = config_.preset;
  file.SetNumber("width", static_cast<uint64_t>(config_.width));
  file.SetNumber("layers", static_cast<uint64_t>(config_.layers));
  file.SetNumber("heads", static_cast<uint64_t>(config_.heads));
  file.SetNumber("embedding", static_cast<uint64_t>(config_.embedding));
  file.SetNumber("seed", config_.seed);
  int i = 0;
  for (const ModalitySpec& modality : modalities()) {
    std::string fact(1, static_cast<char>(modality.kind));
    for (int b = 0; b < 4; ++b) fact.push_back(static_cast<char>(modality.dimension >> (8 * b)));
    file.facts[absl::StrCat(kModality, i++)] = fact + modality.name;
  }
}

void Model::Save(WeightsFile& file) const {
  SaveStructure(file);
  for (const Parameter& parameter : parameters()) {
    const at::Tensor value = parameter.value.detach().to(at::kCPU).contiguous();
    file.tensors[parameter.name] = {
        value.sizes().vec(),
        std::vector<float>(value.data_ptr<float>(), value.data_ptr<float>() + value.numel())};
  }
}

const Stem* Model::StemOf(const ModalitySpec& modality) const {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [spec, stem] : stems_) {
    if (spec == modality) return stem.get();
  }
  std::unique_ptr<const Stem> stem = MakeStem(modality, config_.width, store_);
  if (stem == nullptr) return nullptr;
  stems_.emplace_back(modality, std::move(stem));
  return stems_.back().second.get();
}

void Model::Prepare(std::span<const ModalitySpec> modalities) const {
  for (const ModalitySpec& modality : modalities) StemOf(modality);
}

std::vector<ModalitySpec> Model::modalities() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<ModalitySpec> modalities;
  for (const auto& [spec, stem] : stems_) modalities.push_back(spec);
  return modalities;
}

std::vector<Parameter> Model::parameters() const {
  const absl::MutexLock lock(&mutex_);
  return store_.all();
}

absl::Status Model::Check(const MixturePercept& percept) const {
  const Stem* stem = StemOf(*percept.modality);
  if (stem == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("modality ", percept.modality->name, ": video is not supported yet"));
  }
  return stem->Check(*percept.features);
}

Model::Tokens Model::Tokenise(std::span<const MixturePercept> percepts) const {
  Tokens tokens;
  tokens.begin.resize(percepts.size());
  tokens.count.resize(percepts.size());
  std::vector<bool> done(percepts.size());
  std::vector<at::Tensor> parts;
  int64_t row = 0;
  for (size_t first = 0; first < percepts.size(); ++first) {
    if (done[first]) continue;
    std::vector<size_t> places;  // of the percepts of this modality
    std::vector<const Features*> batch;
    for (size_t i = first; i < percepts.size(); ++i) {
      if (done[i] || *percepts[i].modality != *percepts[first].modality) continue;
      done[i] = true;
      places.push_back(i);
      batch.push_back(percepts[i].features);
    }
    std::vector<int64_t> counts;
    parts.push_back(StemOf(*percepts[first].modality)->Tokens(batch, counts));
    for (size_t i = 0; i < places.size(); ++i) {
      tokens.begin[places[i]] = row;
      tokens.count[places[i]] = counts[i];
      row += counts[i];
    }
  }
  tokens.values = parts.size() == 1 ? parts[0] : at::cat(parts);
  return tokens;
}

at::Tensor Model::Embed(std::span<const MixturePercept> percepts,
                        std::span<const Sequence> sequences) const {
  const Tokens tokens = Tokenise(percepts);
  std::vector<int64_t> rows;
  std::vector<int64_t> offsets = {0};
  for (const Sequence& sequence : sequences) {
    for (const int percept : sequence) {
      const auto p = static_cast<size_t>(percept);
      for (int64_t t = 0; t < tokens.count[p]; ++t) rows.push_back(tokens.begin[p] + t);
    }
    offsets.push_back(static_cast<int64_t>(rows.size()));
  }
  bool as_they_are = static_cast<int64_t>(rows.size()) == tokens.values.size(0);
  for (size_t i = 0; as_they_are && i < rows.size(); ++i) {
    as_they_are = rows[i] == static_cast<int64_t>(i);
  }
  const at::Tensor x =
      as_they_are ? tokens.values : tokens.values.index_select(0, IndexTensor(rows).to(device_));
  return Trunk(x, IndexTensor(offsets));
}

at::Tensor Model::Trunk(at::Tensor x, const at::Tensor& offsets) const {
  for (const Block& block : blocks_) {
    const at::Tensor qkv = block.qkv(block.attention_norm(x));                  // [N, 3D]
    x = x + block.attention_out(RaggedAttention(qkv, offsets, config_.heads));  // [N, D]
    x = x + block.mlp_out(Gelu(block.mlp_in(block.mlp_norm(x))));               // [N, D]
  }
  const at::Tensor pooled = out_(out_norm_(RaggedMean(x, offsets)));  // [S, E]
  return pooled / pooled.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-6);
}

}  // namespace mixmatch
