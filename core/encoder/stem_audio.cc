// Sound: two convolutions over time and pitch, each halving both: log-mel frames of 10 ms -> tokens
// of 40 ms. A pattern is known at any pitch, so that one voice helps to understand another.
//
// Clips lie one after another in one long picture, silence between them, so that a convolution is
// one matrix product whatever the clips' lengths. (LibTorch 1.13's own convolution of one long
// picture gives a wrong gradient of the bias now and then.)
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/encoder/convolution.h"
#include "core/encoder/layers.h"
#include "core/encoder/stem.h"
#include "core/senses/audio_front_end.h"

namespace mixmatch {
namespace {

constexpr int64_t kBins = kMelBins;
constexpr int64_t kFirstWindow = 5;  // frames and bins that a convolution sees
constexpr int64_t kWindow = 3;
constexpr int64_t kLead = 4;  // silent frames before the first clip

int64_t HalfUp(int64_t n) { return (n + 1) / 2; }
// Frames that a clip occupies: a multiple of both strides, with room for the kernels' margins.
int64_t SlotFrames(int64_t frames) { return (frames + 2 + 3) / 4 * 4; }

class AudioStem final : public Stem {
 public:
  AudioStem(const std::string& name, int64_t width, ParameterStore& store)
      : first_(MakeConvolution(store, name + "/conv1", 1, width / 8, kFirstWindow)),
        second_(MakeConvolution(store, name + "/conv2", width / 8, width / 4, kWindow)),
        fold_(Linear::Make(store, name + "/fold", kBins / 4 * (width / 4), width, 1.4F)),
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
    at::Tensor x = Gelu(Convolve(first_, packed.frames, kFirstWindow));  // [1, F/2, M/2, D/8]
    x = x * packed.valid;                                                // 0 between clips
    x = Gelu(Convolve(second_, x, kWindow));                             // [1, F/4, M/4, D/4]
    x = fold_(x.flatten(2)[0]);                                          // [F/4, D]
    return x.index_select(0, packed.tokens) + modality_ +
           Places(counts, width, modality_.options());
  }

 private:
  struct Packed {
    at::Tensor frames;  // [1, F, M, 1]
    at::Tensor valid;   // [1, F/2, 1, 1]: 1 inside a clip
    at::Tensor tokens;  // rows of [F/4, D] that are tokens
  };

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
    return {frames.to(device).view({1, total, kBins, 1}), valid.to(device).view({1, -1, 1, 1}),
            tokens.to(device)};
  }

  Linear first_;         // [D/8, 5 * 5]
  Linear second_;        // [D/4, 3 * 3 * D/8]
  Linear fold_;          // [D, M/4 * D/4]: the bins of a token
  at::Tensor modality_;  // [D]
};

}  // namespace

std::unique_ptr<const Stem> MakeAudioStem(const std::string& name, int64_t width,
                                          ParameterStore& store) {
  return std::make_unique<AudioStem>(name, width, store);
}

}  // namespace mixmatch
