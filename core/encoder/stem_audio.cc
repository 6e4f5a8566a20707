// Sound: two convolutions over time and pitch, each halving both: log-mel frames of 10 ms -> tokens
// of 40 ms. A pattern is known at any pitch, so that one voice helps to understand another.
//
// Clips lie one after another in one long picture, silence between them, so that a convolution is
// one matrix product whatever the clips' lengths. (LibTorch 1.13's own convolution of one long
// picture gives a wrong gradient of the bias now and then.)
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/encoder/layers.h"
#include "core/encoder/stem.h"
#include "core/senses/audio_front_end.h"

namespace mixmatch {
namespace {

constexpr int64_t kBins = kMelBins;
constexpr int64_t kKernel = 5;  // frames and bins that the first convolution sees
constexpr int64_t kLead = 4;    // silent frames before the first clip

int64_t HalfUp(int64_t n) { return (n + 1) / 2; }
// Frames that a clip occupies: a multiple of both strides, with room for the kernels' margins.
int64_t SlotFrames(int64_t frames) { return (frames + 2 + 3) / 4 * 4; }

class AudioStem final : public Stem {
 public:
  AudioStem(const std::string& name, int64_t width, ParameterStore& store)
      : channels_(width / 8),
        first_(
            Linear::Make(store, absl::StrCat(name, "/conv1"), kKernel * kKernel, channels_, 1.4F)),
        second_(
            Linear::Make(store, absl::StrCat(name, "/conv2"), 9 * channels_, 2 * channels_, 1.4F)),
        fold_(Linear::Make(store, absl::StrCat(name, "/fold"), 2 * channels_ * kBins / 4, width,
                           1.4F)),
        modality_(store.Make(absl::StrCat(name, "/modality"), {width}, 0.5F)) {}

  absl::Status Check(const Features& features) const override {
    if (features.kind != PayloadKind::kAudio || !SizesAgree(features, 2, 1) ||
        features.shape[1] != kBins) {
      return absl::InvalidArgumentError(
          absl::StrCat("audio features: not u8 [T, ", kBins, "]; derive them again"));
    }
    return absl::OkStatus();
  }

  at::Tensor Tokens(std::span<const Features* const> batch,
                    std::vector<int64_t>& counts) const override {
    const Packed packed = Pack(batch, counts);
    const int64_t width = modality_.size(0);
    const int64_t rows = packed.frames.size(2);
    at::Tensor x = Convolve(first_, packed.frames, kKernel);         // [C, F/2 * M/2]
    x = x.view({1, channels_, rows / 2, kBins / 2}) * packed.valid;  // 0 between clips
    x = Convolve(second_, x, 3).view({2 * channels_, rows / 4, kBins / 4});
    x = fold_(x.permute({1, 0, 2}).reshape({rows / 4, -1}));  // [F/4, D]
    return x.index_select(0, packed.tokens) + modality_ +
           Places(counts, width, modality_.options());
  }

 private:
  struct Packed {
    at::Tensor frames;  // [1, 1, F, M]
    at::Tensor valid;   // [1, 1, F/2, 1]: 1 inside a clip
    at::Tensor tokens;  // rows of [F/4, D] that are tokens
  };

  // Of a picture [1, C, H, W] with a stride of 2 in both: [out, H/2 * W/2], after its bend.
  static at::Tensor Convolve(const Linear& layer, const at::Tensor& x, int64_t kernel) {
    const at::Tensor patches =
        at::im2col(x, {kernel, kernel}, {1, 1}, {kernel / 2, kernel / 2}, {2, 2})[0];
    return at::gelu(at::mm(layer.weight, patches) + layer.bias.unsqueeze(1));
  }

  Packed Pack(std::span<const Features* const> batch, std::vector<int64_t>& counts) const {
    int64_t total = kLead;
    int64_t token_count = 0;
    counts.clear();
    for (const Features* f : batch) {
      total += SlotFrames(f->shape[0]);
      counts.push_back(HalfUp(HalfUp(f->shape[0])));
      token_count += counts.back();
    }
    at::Tensor frames = at::zeros({total, kBins}, at::kFloat);
    at::Tensor valid = at::zeros({total / 2, 1}, at::kFloat);
    at::Tensor tokens = at::empty({token_count}, at::kLong);
    int64_t* token = tokens.data_ptr<int64_t>();
    int64_t at = kLead;
    for (size_t i = 0; i < batch.size(); ++i) {
      const int64_t length = batch[i]->shape[0];
      float* to = frames.data_ptr<float>() + at * kBins;
      for (const char byte : batch[i]->bytes) {
        *to++ = static_cast<float>(static_cast<uint8_t>(byte)) * (2.0F / 255.0F);
      }
      std::fill_n(valid.data_ptr<float>() + at / 2, HalfUp(length), 1.0F);
      for (int64_t t = 0; t < counts[i]; ++t) *token++ = at / 4 + t;
      at += SlotFrames(length);
    }
    const at::Device device = modality_.device();
    return {frames.to(device).view({1, 1, total, kBins}), valid.to(device).view({1, 1, -1, 1}),
            tokens.to(device)};
  }

  int64_t channels_;     // of the first convolution; the second has twice as many
  Linear first_;         // [C, 5 * 5]
  Linear second_;        // [2C, C * 3 * 3]
  Linear fold_;          // [D, 2C * M/4]: the bins of a token
  at::Tensor modality_;  // [D]
};

}  // namespace

std::unique_ptr<const Stem> MakeAudioStem(const std::string& name, int64_t width,
                                          ParameterStore& store) {
  return std::make_unique<AudioStem>(name, width, store);
}

}  // namespace mixmatch
