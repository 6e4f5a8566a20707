// Images: three convolutions, each halving the picture, 32 x 32 pixels -> 4 x 4 tokens.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/encoder/layers.h"
#include "core/encoder/stem.h"
#include "core/senses/image_front_end.h"

namespace mixmatch {
namespace {

constexpr int64_t kPx = kImagePx;
constexpr int64_t kGrid = kPx / 8;  // tokens along a side

struct Convolution {
  at::Tensor weight;  // [out, in, k, k]
  at::Tensor bias;    // [out]
  int64_t padding;

  static Convolution Make(ParameterStore& store, const std::string& name, int64_t in, int64_t out,
                          int64_t k) {
    const float bound = std::sqrt(6.0F / static_cast<float>(in * k * k));
    return {store.Make(absl::StrCat(name, ".weight"), {out, in, k, k}, bound, /*maps=*/1),
            store.Make(absl::StrCat(name, ".bias"), {out}, 0), k / 2};
  }
};

class ImageStem final : public Stem {
 public:
  ImageStem(const std::string& name, int64_t width, ParameterStore& store)
      : first_(Convolution::Make(store, absl::StrCat(name, "/conv1"), 3, width / 4, 5)),
        second_(Convolution::Make(store, absl::StrCat(name, "/conv2"), width / 4, width / 2, 3)),
        third_(Convolution::Make(store, absl::StrCat(name, "/conv3"), width / 2, width, 3)),
        // Where a token stands, and that it is of this modality.
        places_(store.Make(absl::StrCat(name, "/places"), {kGrid * kGrid, width}, 0.5F)) {}

  absl::Status Check(const Features& features) const override {
    if (features.kind != PayloadKind::kImage || !SizesAgree(features, 3, 1) ||
        (features.shape[0] != 1 && features.shape[0] != 3) || features.shape[1] != kPx ||
        features.shape[2] != kPx) {
      return absl::InvalidArgumentError(
          absl::StrCat("image features: not u8 [1 or 3, ", kPx, ", ", kPx, "]; derive them again"));
    }
    return absl::OkStatus();
  }

  at::Tensor Tokens(std::span<const Features* const> batch,
                    std::vector<int64_t>& counts) const override {
    at::Tensor x = Pixels(batch);  // [B, C, 32, 32]
    // A grey picture has three equal channels: one convolution with the summed weights is the same.
    const at::Tensor weight =
        x.size(1) == 1 ? first_.weight.sum(1, /*keepdim=*/true) : first_.weight;
    x = at::gelu(at::conv2d(x, weight, first_.bias, 2, first_.padding));  // [B, D/4, 16, 16]
    x = at::gelu(
        at::conv2d(x, second_.weight, second_.bias, 2, second_.padding));  // [B, D/2, 8, 8]
    x = at::conv2d(x, third_.weight, third_.bias, 2, third_.padding);      // [B, D, 4, 4]
    x = x.flatten(2).transpose(1, 2) + places_;                            // [B, 16, D]
    counts.assign(batch.size(), kGrid * kGrid);
    return x.reshape({-1, places_.size(1)});
  }

 private:
  at::Tensor Pixels(std::span<const Features* const> batch) const {
    int64_t channels = 1;
    for (const Features* f : batch) channels = std::max<int64_t>(channels, f->shape[0]);
    const auto size = static_cast<int64_t>(batch.size());
    at::Tensor pixels = at::empty({size, channels, kPx, kPx}, at::kFloat);
    float* to = pixels.data_ptr<float>();
    for (const Features* f : batch) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t from = f->shape[0] == 1 ? 0 : c * kPx * kPx;
        for (int64_t i = 0; i < kPx * kPx; ++i) {
          const auto value = static_cast<uint8_t>(f->bytes[static_cast<size_t>(from + i)]);
          *to++ = static_cast<float>(value) * (2.0F / 255.0F) - 1.0F;
        }
      }
    }
    return pixels.to(places_.device());
  }

  Convolution first_;
  Convolution second_;
  Convolution third_;
  at::Tensor places_;  // [16, D]
};

}  // namespace

std::unique_ptr<const Stem> MakeImageStem(const std::string& name, int64_t width,
                                          ParameterStore& store) {
  return std::make_unique<ImageStem>(name, width, store);
}

}  // namespace mixmatch
