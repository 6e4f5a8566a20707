// Series and vectors. Units are unknown and differ by orders of magnitude, so the shape of what is
// seen and its level are given apart: normalised values, and beside them mean and spread on a
// logarithmic scale.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/encoder/layers.h"
#include "core/encoder/stem.h"

namespace mixmatch {
namespace {

constexpr int64_t kStride = 8;  // samples to a token
constexpr float kTiny = 1e-6F;

bool AllFinite(const Features& features) {
  for (const float value : features.Values<float>()) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

struct Level {
  float mean;
  float spread;
};

// Mean and standard deviation of `count` numbers, `stride` apart.
Level LevelOf(const float* values, int64_t count, int64_t stride) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i * stride];
  const double mean = sum / static_cast<double>(count);
  double squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double d = values[i * stride] - mean;
    squares += d * d;
  }
  return {static_cast<float>(mean),
          static_cast<float>(std::sqrt(squares / static_cast<double>(count)))};
}

class SeriesStem final : public Stem {
 public:
  SeriesStem(const std::string& name, int64_t channels, int64_t width, ParameterStore& store)
      : channels_(channels),
        first_(Linear::Make(store, absl::StrCat(name, "/conv1"), kStride * channels, width, 1.4F)),
        second_(Linear::Make(store, absl::StrCat(name, "/conv2"), 3 * width, width, 1.4F)),
        level_(Linear::Make(store, absl::StrCat(name, "/level"), 2 * channels, width)),
        modality_(store.Make(absl::StrCat(name, "/modality"), {width}, 0.5F)) {}

  absl::Status Check(const Features& features) const override {
    if (features.kind != PayloadKind::kSeries || !SizesAgree(features, 2, sizeof(float)) ||
        features.shape[1] != channels_ || !AllFinite(features)) {
      return absl::InvalidArgumentError(
          absl::StrCat("series features: not finite f32 [S, ", channels_, "]; derive them again"));
    }
    return absl::OkStatus();
  }

  // Per percept: one token for each kStride samples, then one for its level.
  at::Tensor Tokens(std::span<const Features* const> batch,
                    std::vector<int64_t>& counts) const override {
    const int64_t width = modality_.size(0);
    counts.clear();
    int64_t rows = 1;  // one row of zeros before each percept and one after the last
    for (const Features* f : batch) {
      counts.push_back((f->shape[0] + kStride - 1) / kStride + 1);
      rows += counts.back();
    }
    at::Tensor patches = at::zeros({rows, kStride * channels_}, at::kFloat);
    at::Tensor valid = at::zeros({rows, 1}, at::kFloat);
    at::Tensor levels = at::empty({static_cast<int64_t>(batch.size()), 2 * channels_}, at::kFloat);
    std::vector<int64_t> order;  // rows of [tokens; levels], percept by percept
    int64_t row = 1;
    for (size_t i = 0; i < batch.size(); ++i) {
      Normalise(*batch[i], patches.data_ptr<float>() + row * kStride * channels_,
                levels.data_ptr<float>() + static_cast<int64_t>(i) * 2 * channels_);
      std::fill_n(valid.data_ptr<float>() + row, counts[i] - 1, 1.0F);
      for (int64_t t = 0; t + 1 < counts[i]; ++t) order.push_back(row + t);
      order.push_back(rows + static_cast<int64_t>(i));
      row += counts[i];
    }
    const at::Device device = modality_.device();
    const at::Tensor x = Gelu(first_(patches.to(device))) * valid.to(device);  // [rows, D]
    const at::Tensor before = at::constant_pad_nd(x.narrow(0, 0, rows - 1), {0, 0, 1, 0});
    const at::Tensor after = at::constant_pad_nd(x.narrow(0, 1, rows - 1), {0, 0, 0, 1});
    const at::Tensor all =
        at::cat({second_(at::cat({before, x, after}, 1)), level_(levels.to(device))});
    const at::Tensor index =
        at::from_blob(order.data(), {static_cast<int64_t>(order.size())}, at::kLong).clone();
    return all.index_select(0, index.to(device)) + modality_ +
           Places(counts, width, modality_.options());
  }

 private:
  // Samples of each channel less its mean over its spread; and [2C] levels.
  void Normalise(const Features& features, float* to, float* levels) const {
    const auto values = features.Values<float>();
    const int64_t samples = features.shape[0];
    for (int64_t c = 0; c < channels_; ++c) {
      const Level level = LevelOf(values.data() + c, samples, channels_);
      const float scale = 1.0F / std::max(level.spread, kTiny);
      for (int64_t s = 0; s < samples; ++s) {
        to[s * channels_ + c] =
            (values[static_cast<size_t>(s * channels_ + c)] - level.mean) * scale;
      }
      levels[c] = std::asinh(level.mean);
      levels[channels_ + c] = std::log(std::max(level.spread, kTiny)) * 0.2F;
    }
  }

  const int64_t channels_;
  Linear first_;
  Linear second_;
  Linear level_;
  at::Tensor modality_;  // [D]
};

class VectorStem final : public Stem {
 public:
  VectorStem(const std::string& name, int64_t dimension, int64_t width, ParameterStore& store)
      : dimension_(dimension),
        first_(
            Linear::Make(store, absl::StrCat(name, "/first"), 2 * dimension + 1, 2 * width, 1.4F)),
        second_(Linear::Make(store, absl::StrCat(name, "/second"), 2 * width, width, 1.4F)),
        modality_(store.Make(absl::StrCat(name, "/modality"), {width}, 0.5F)) {}

  absl::Status Check(const Features& features) const override {
    if (features.kind != PayloadKind::kVector || !SizesAgree(features, 1, sizeof(float)) ||
        features.shape[0] != dimension_ || !AllFinite(features)) {
      return absl::InvalidArgumentError(
          absl::StrCat("vector features: not finite f32 [", dimension_, "]; derive them again"));
    }
    return absl::OkStatus();
  }

  at::Tensor Tokens(std::span<const Features* const> batch,
                    std::vector<int64_t>& counts) const override {
    const int64_t inputs = 2 * dimension_ + 1;
    at::Tensor x = at::empty({static_cast<int64_t>(batch.size()), inputs}, at::kFloat);
    float* row = x.data_ptr<float>();
    for (const Features* f : batch) {
      const auto values = f->Values<float>();
      double squares = 0;
      for (const float value : values) squares += static_cast<double>(value) * value;
      const auto size = static_cast<float>(std::sqrt(squares / static_cast<double>(values.size())));
      for (size_t i = 0; i < values.size(); ++i) {
        row[i] = values[i] / std::max(size, kTiny);
        row[values.size() + i] = std::asinh(values[i]);
      }
      row[2 * values.size()] = std::log(std::max(size, kTiny)) * 0.2F;
      row += inputs;
    }
    counts.assign(batch.size(), 1);
    return second_(Gelu(first_(x.to(modality_.device())))) + modality_;
  }

 private:
  const int64_t dimension_;
  Linear first_;
  Linear second_;
  at::Tensor modality_;  // [D]
};

}  // namespace

std::unique_ptr<const Stem> MakeSeriesStem(const std::string& name, int64_t channels, int64_t width,
                                           ParameterStore& store) {
  return std::make_unique<SeriesStem>(name, channels, width, store);
}

std::unique_ptr<const Stem> MakeVectorStem(const std::string& name, int64_t dimension,
                                           int64_t width, ParameterStore& store) {
  return std::make_unique<VectorStem>(name, dimension, width, store);
}

}  // namespace mixmatch
