// On a CPU each parameter is updated in one pass over its numbers: an update is bound by memory.
#include "core/learning/optimiser.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/encoder/small_gemm.h"
#include "core/learning/orthogonal.h"

namespace mixmatch {
namespace {

struct AdamNumbers {
  float keep_first;
  float keep_second;
  float gradient_scale;
  float step;          // rate over the bias correction of the first mean
  float second_scale;  // one over the bias correction of the second
  float decay;         // what a value keeps
};

MM_SIMD_CLONES void AdamPass(int64_t count, const AdamNumbers& n, const float* __restrict gradient,
                             float* __restrict value, float* __restrict first,
                             float* __restrict second) {
  constexpr float kTiny = 1e-8F;
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] * n.gradient_scale;
    first[i] = n.keep_first * first[i] + (1 - n.keep_first) * g;
    second[i] = n.keep_second * second[i] + (1 - n.keep_second) * g * g;
    const float size = std::sqrt(second[i] * n.second_scale) + kTiny;
    value[i] = value[i] * n.decay - n.step * first[i] / size;
  }
}

MM_SIMD_CLONES void AveragePass(int64_t count, float share, const float* __restrict value,
                                float* __restrict average) {
  for (int64_t i = 0; i < count; ++i) average[i] += share * (value[i] - average[i]);
}

// AdamPass over some rows [row] of a table; those that the sparse gradient lacks have one of 0.
void UpdateRows(const at::Tensor& gradient, const AdamNumbers& numbers,
                const std::vector<int64_t>& rows, const at::Tensor& value, const at::Tensor& first,
                const at::Tensor& second) {
  const int64_t width = value.size(1);
  const at::Tensor indices = gradient.indices()[0].contiguous();
  const at::Tensor values = gradient.values().contiguous();
  std::unordered_map<int64_t, const float*> given;
  for (int64_t i = 0; i < indices.numel(); ++i) {
    given[indices.data_ptr<int64_t>()[i]] = values.data_ptr<float>() + i * width;
  }
  const std::vector<float> nothing(static_cast<size_t>(width));
  for (const int64_t row : rows) {
    const auto found = given.find(row);
    AdamPass(width, numbers, found == given.end() ? nothing.data() : found->second,
             value.data_ptr<float>() + row * width, first.data_ptr<float>() + row * width,
             second.data_ptr<float>() + row * width);
  }
}

constexpr std::array<const char*, 3> kParts = {"first/", "second/", "average/"};

}  // namespace

void Optimiser::Adopt(std::span<const Parameter> parameters) {
  // Both lists are in the order of making.
  for (size_t i = slots_.size(); i < parameters.size(); ++i) {
    const at::Tensor value = parameters[i].value;
    const at::Tensor plain = value.detach();
    slots_.push_back({.name = parameters[i].name,
                      .value = value,
                      .first = at::zeros_like(plain),
                      .second = parameters[i].maps > 0 ? at::Tensor() : at::zeros_like(plain),
                      .average = plain.clone(),
                      .maps = parameters[i].maps,
                      .phase = NextPhase(parameters[i])});
    if (parameters[i].table && value.device().is_cpu()) {
      slots_.back().known.resize(static_cast<size_t>(value.size(0)));
    }
  }
}

uint64_t Optimiser::NextPhase(const Parameter& parameter) {
  if (parameter.maps == 0) return 0;
  const auto least = std::min_element(phase_costs_.begin(), phase_costs_.end());
  const int64_t rows = parameter.value.size(0) / parameter.maps;
  const int64_t columns = parameter.value.numel() / parameter.value.size(0);
  *least +=
      static_cast<double>(parameter.value.numel()) * static_cast<double>(std::min(rows, columns));
  return static_cast<uint64_t>(least - phase_costs_.begin());
}

double Optimiser::GradientScale() const {
  double squares = 0;
  for (const Slot& slot : slots_) {
    const at::Tensor& gradient = slot.value.grad();
    if (!gradient.defined()) continue;
    const at::Tensor& numbers = gradient.is_sparse() ? gradient._values() : gradient;
    const double norm = numbers.norm().item<double>();
    squares += norm * norm;
  }
  // Not through std::min: it would take a gradient that is no number for a small one.
  if (!std::isfinite(squares)) return squares;
  return std::min(1.0, settings_.gradient_norm_max / (std::sqrt(squares) + 1e-12));
}

absl::Status Optimiser::Update(uint64_t settled) {
  const c10::NoGradGuard no_gradients;
  for (Slot& slot : slots_) {
    at::Tensor& gradient = slot.value.mutable_grad();
    if (!gradient.defined() || !gradient.is_sparse()) continue;
    gradient = slot.known.empty() ? gradient.to_dense() : gradient.coalesce();
  }
  const double scale = GradientScale();
  if (!std::isfinite(scale)) {
    for (Slot& slot : slots_) slot.value.mutable_grad().reset();
    return absl::InternalError(
        "step: a gradient is not finite; go back to the last checkpoint of the learner");
  }
  const double span = settings_.settled_share * static_cast<double>(settled);
  const double keep = std::max(settings_.average, 1 - 1 / std::max(span, 1.0));
  for (Slot& slot : slots_) {
    if (slot.value.grad().defined()) UpdateSlot(slot, scale);
    Average(slot, keep);
    slot.value.mutable_grad().reset();
  }
  return absl::OkStatus();
}

void Optimiser::LearnRows(Slot& slot, const at::Tensor& gradient) {
  const at::Tensor indices = gradient.indices()[0].contiguous();
  const at::Tensor values = gradient.values().contiguous();
  const int64_t width = values.size(1);
  for (int64_t i = 0; i < indices.numel(); ++i) {
    const int64_t row = indices.data_ptr<int64_t>()[i];
    const float* numbers = values.data_ptr<float>() + i * width;
    if (slot.known[static_cast<size_t>(row)] ||
        std::all_of(numbers, numbers + width, [](float number) { return number == 0; })) {
      continue;
    }
    slot.known[static_cast<size_t>(row)] = true;
    slot.rows.push_back(row);
  }
}

void Optimiser::UpdateSlot(Slot& slot, double gradient_scale) const {
  if (slot.value.grad().is_sparse()) LearnRows(slot, slot.value.grad());
  ++slot.updates;
  const auto updates = static_cast<double>(slot.updates);
  const double warmth = std::min(1.0, updates / settings_.warm_up);
  if (slot.maps > 0) {
    TurnMaps(slot, gradient_scale, warmth);
    return;
  }
  const double rate = settings_.rate * warmth;
  const double decay = slot.value.dim() > 1 ? 1 - rate * settings_.weight_decay : 1;
  const double first_bias = 1 - std::pow(settings_.momentum, updates);
  const double second_bias = 1 - std::pow(settings_.second_momentum, updates);
  const at::Tensor value = slot.value.detach();
  if (value.device().is_cpu()) {
    const AdamNumbers numbers{.keep_first = static_cast<float>(settings_.momentum),
                              .keep_second = static_cast<float>(settings_.second_momentum),
                              .gradient_scale = static_cast<float>(gradient_scale),
                              .step = static_cast<float>(rate / first_bias),
                              .second_scale = static_cast<float>(1 / second_bias),
                              .decay = static_cast<float>(decay)};
    if (slot.value.grad().is_sparse()) {
      UpdateRows(slot.value.grad(), numbers, slot.rows, value, slot.first, slot.second);
      return;
    }
    const at::Tensor gradient = slot.value.grad().contiguous();
    AdamPass(value.numel(), numbers, gradient.data_ptr<float>(), value.data_ptr<float>(),
             slot.first.data_ptr<float>(), slot.second.data_ptr<float>());
    return;
  }
  const at::Tensor scaled = slot.value.grad() * gradient_scale;
  slot.first.mul_(settings_.momentum).add_(scaled, 1 - settings_.momentum);
  slot.second.mul_(settings_.second_momentum)
      .addcmul_(scaled, scaled, 1 - settings_.second_momentum);
  value.mul_(decay).addcdiv_(slot.first, (slot.second / second_bias).sqrt_().add_(1e-8),
                             -rate / first_bias);
}

void Optimiser::TurnMaps(Slot& slot, double gradient_scale, double warmth) const {
  // Of an orthogonal matrix the root mean square is 1 / sqrt(larger side).
  constexpr double kRootMeanSquare = 0.2;
  const double rate = settings_.map_rate * warmth * settings_.turn_every;
  const at::Tensor gradient = slot.value.grad() * gradient_scale;
  slot.first.lerp_(gradient, 1 - settings_.map_momentum);
  const auto every = static_cast<uint64_t>(settings_.turn_every);
  if (slot.updates % every != slot.phase) return;
  const at::Tensor ahead = gradient.lerp(slot.first, settings_.map_momentum);
  const at::Tensor maps = ahead.reshape({slot.maps, slot.value.size(0) / slot.maps, -1});
  const auto side = static_cast<double>(std::max(maps.size(1), maps.size(2)));
  const at::Tensor turn = Orthogonalise(maps).reshape(slot.value.sizes());
  slot.value.detach()
      .mul_(1 - rate * settings_.weight_decay)
      .add_(turn, -rate * kRootMeanSquare * std::sqrt(side));
}

void Optimiser::Average(Slot& slot, double keep) const {
  ++slot.steps;
  const auto steps = static_cast<double>(slot.steps);
  const double share = 1 - std::min(keep, (1 + steps) / (10 + steps));
  const at::Tensor value = slot.value.detach();
  if (!slot.known.empty()) {
    const int64_t width = value.size(1);
    for (const int64_t row : slot.rows) {
      AveragePass(width, static_cast<float>(share), value.data_ptr<float>() + row * width,
                  slot.average.data_ptr<float>() + row * width);
    }
  } else if (value.device().is_cpu()) {
    AveragePass(value.numel(), static_cast<float>(share), value.data_ptr<float>(),
                slot.average.data_ptr<float>());
  } else {
    slot.average.lerp_(value, share);
  }
}

namespace {

WeightsFile::Tensor Copy(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().to(at::kCPU).contiguous();
  return {plain.sizes().vec(),
          std::vector<float>(plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel())};
}

}  // namespace

void Optimiser::SaveAverages(WeightsFile& file) const {
  for (const Slot& slot : slots_) file.tensors[slot.name] = Copy(slot.average);
}

void Optimiser::Save(WeightsFile& file) const {
  for (const Slot& slot : slots_) {
    file.tensors[kParts[0] + slot.name] = Copy(slot.first);
    if (slot.second.defined()) file.tensors[kParts[1] + slot.name] = Copy(slot.second);
    file.tensors[kParts[2] + slot.name] = Copy(slot.average);
    file.SetNumber("updates/" + slot.name, slot.updates);
    file.SetNumber("steps/" + slot.name, slot.steps);
  }
}

absl::Status Optimiser::Load(WeightsFile& file) {
  for (Slot& slot : slots_) {
    const std::array<at::Tensor*, 3> parts = {&slot.first, &slot.second, &slot.average};
    for (size_t i = 0; i < parts.size(); ++i) {
      if (!parts[i]->defined()) continue;
      const auto it = file.tensors.find(kParts[i] + slot.name);
      if (it == file.tensors.end() || it->second.sizes != slot.value.sizes().vec()) {
        return absl::DataLossError(absl::StrCat("learner checkpoint: ", kParts[i], slot.name,
                                                " is missing; take an older checkpoint"));
      }
      parts[i]->copy_(at::from_blob(it->second.values.data(), it->second.sizes, at::kFloat));
      file.tensors.erase(it);
    }
    auto updates = file.Number("updates/" + slot.name);
    auto steps = file.Number("steps/" + slot.name);
    if (!updates.ok()) return updates.status();
    if (!steps.ok()) return steps.status();
    slot.updates = *updates;
    slot.steps = *steps;
    slot.rows.clear();
    for (int64_t row = 0; row < static_cast<int64_t>(slot.known.size()); ++row) {
      const bool known = slot.first[row].count_nonzero().item<int64_t>() > 0 ||
                         slot.second[row].count_nonzero().item<int64_t>() > 0;
      slot.known[static_cast<size_t>(row)] = known;
      if (known) slot.rows.push_back(row);
    }
  }
  return absl::OkStatus();
}

}  // namespace mixmatch
