// Images: three convolutions, each halving the picture, 32 x 32 pixels -> 4 x 4 tokens.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/encoder/convolution.h"
#include "core/encoder/layers.h"
#include "core/encoder/stem.h"
#include "core/senses/image_front_end.h"

namespace mixmatch {
namespace {

constexpr int64_t kPx = kImagePx;
constexpr int64_t kGrid = kPx / 8;  // tokens along a side

constexpr int64_t kColours = 3;
constexpr int64_t kFirstWindow = 5;
constexpr int64_t kWindow = 3;

class ImageStem final : public Stem {
 public:
  ImageStem(const std::string& name, int64_t width, ParameterStore& store)
      : first_(MakeConvolution(store, name + "/conv1", kColours, width / 4, kFirstWindow)),
        second_(MakeConvolution(store, name + "/conv2", width / 4, width / 2, kWindow)),
        third_(MakeConvolution(store, name + "/conv3", width / 2, width, kWindow)),
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
    at::Tensor x = Pixels(batch);                              // [B, 32, 32, C]
    x = Gelu(Convolve(FirstFor(x.size(3)), x, kFirstWindow));  // [B, 16, 16, D/4]
    x = Gelu(Convolve(second_, x, kWindow));                   // [B, 8, 8, D/2]
    x = Convolve(third_, x, kWindow).flatten(1, 2);            // [B, 16, D]
    x = x + places_;
    counts.assign(batch.size(), kGrid * kGrid);
    return x.reshape({-1, places_.size(1)});
  }

 private:
  // A grey picture has three equal channels: the summed weights over one do the same.
  Linear FirstFor(int64_t channels) const {
    if (channels == kColours) return first_;
    return {first_.weight.view({-1, kFirstWindow * kFirstWindow, kColours}).sum(2), first_.bias};
  }

  at::Tensor Pixels(std::span<const Features* const> batch) const {
    int64_t channels = 1;
    for (const Features* f : batch) channels = std::max<int64_t>(channels, f->shape[0]);
    const auto size = static_cast<int64_t>(batch.size());
    at::Tensor pixels = at::empty({size, kPx, kPx, channels}, at::kFloat);
    float* to = pixels.data_ptr<float>();
    for (const Features* f : batch) {
      const int64_t next_channel = f->shape[0] == 1 ? 0 : kPx * kPx;
      for (int64_t i = 0; i < kPx * kPx; ++i) {
        for (int64_t c = 0; c < channels; ++c) {
          const auto value =
              static_cast<uint8_t>(f->bytes[static_cast<size_t>(c * next_channel + i)]);
          *to++ = static_cast<float>(value) * (2.0F / 255.0F) - 1.0F;
        }
      }
    }
    return pixels.to(places_.device());
  }

  Linear first_;       // [D/4, 5 * 5 * 3]
  Linear second_;      // [D/2, 3 * 3 * D/4]
  Linear third_;       // [D, 3 * 3 * D/2]
  at::Tensor places_;  // [16, D]
};

}  // namespace

std::unique_ptr<const Stem> MakeImageStem(const std::string& name, int64_t width,
                                          ParameterStore& store) {
  return std::make_unique<ImageStem>(name, width, store);
}

}  // namespace mixmatch
