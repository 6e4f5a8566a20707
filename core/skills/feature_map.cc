// The maps.
#include "core/skills/feature_map.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/senses/audio_front_end.h"
#include "core/senses/image_front_end.h"
#include "core/skills/random_features.h"
#include "core/skills/sound_picture.h"

namespace mixmatch {
namespace {

constexpr size_t kRandomDimensions = 1024;  // of the point and its random features together
// Of the kernel. Unit vectors of unlike things are about 1.4 apart, those of like things 0.5.
constexpr double kKernelWidth = 0.7;
constexpr uint64_t kRandomSeed = 0x736b696c6c6d6170;

absl::Status CheckPoint(const ExampleView& example, size_t embedding) {
  if (example.embedding.size() == embedding) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("skill: an embedding of ",
                                                 example.embedding.size(), " numbers where ",
                                                 embedding, " were expected; embed it again"));
}

class EmbeddingMap final : public FeatureMap {
 public:
  explicit EmbeddingMap(size_t embedding) : embedding_(embedding) {}

  FeatureMapKind kind() const override { return FeatureMapKind::kEmbedding; }
  size_t dimension() const override { return embedding_; }
  absl::Status Map(const ExampleView& example, std::span<float> out) const override {
    absl::Status fits = CheckPoint(example, embedding_);
    if (fits.ok()) std::copy(example.embedding.begin(), example.embedding.end(), out.begin());
    return fits;
  }

 private:
  size_t embedding_;
};

class RandomMap final : public FeatureMap {
 public:
  explicit RandomMap(size_t embedding)
      : features_(embedding, kRandomDimensions - embedding, kKernelWidth, kRandomSeed) {}

  FeatureMapKind kind() const override { return FeatureMapKind::kRandom; }
  size_t dimension() const override { return features_.inputs() + features_.outputs(); }
  absl::Status Map(const ExampleView& example, std::span<float> out) const override {
    absl::Status fits = CheckPoint(example, features_.inputs());
    if (!fits.ok()) return fits;
    std::copy(example.embedding.begin(), example.embedding.end(), out.begin());
    features_.Map(example.embedding, out.subspan(features_.inputs()));
    return absl::OkStatus();
  }

 private:
  RandomFeatures features_;
};

class PatchMap final : public FeatureMap {
 public:
  PatchMap(PayloadKind kind, PatchFeatures patches) : kind_(kind), patches_(std::move(patches)) {}

  FeatureMapKind kind() const override { return FeatureMapKind::kFrontEnd; }
  size_t dimension() const override { return patches_.dimension(); }
  absl::Status Map(const ExampleView& example, std::span<float> out) const override {
    if (example.percepts.size() != 1 || example.percepts[0].features->kind != kind_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "skill: it sees one ", std::string(PayloadKindName(kind_)), " at a time, not ",
          example.percepts.size(), " percepts or another kind; give one"));
    }
    patches_.Map(PatchKindOf(kind_)->picture(*example.percepts[0].features), out);
    return absl::OkStatus();
  }

 private:
  PayloadKind kind_;
  PatchFeatures patches_;
};

// Colours are averaged.
std::vector<uint8_t> GreyPixels(const Features& picture) {
  const std::vector<uint8_t> values = picture.Values<uint8_t>();
  constexpr size_t kPixels = size_t{kImagePx} * kImagePx;
  const size_t channels = values.size() / kPixels;
  std::vector<uint8_t> grey(kPixels);
  for (size_t i = 0; i < kPixels && channels > 0; ++i) {
    size_t sum = 0;
    for (size_t channel = 0; channel < channels; ++channel) sum += values[channel * kPixels + i];
    grey[i] = static_cast<uint8_t>(sum / channels);
  }
  return grey;
}

}  // namespace

std::string_view FeatureMapName(FeatureMapKind kind) {
  switch (kind) {
    case FeatureMapKind::kChosen:
      return "chosen";
    case FeatureMapKind::kEmbedding:
      return "embedding";
    case FeatureMapKind::kRandom:
      return "random features";
    case FeatureMapKind::kFrontEnd:
      return "front end";
  }
  return "unknown";
}

std::shared_ptr<const FeatureMap> MakeEmbeddingMap(size_t embedding) {
  return std::make_shared<EmbeddingMap>(embedding);
}

std::shared_ptr<const FeatureMap> MakeRandomMap(size_t embedding) {
  return std::make_shared<RandomMap>(embedding);
}

std::shared_ptr<const FeatureMap> MakePatchMap(PayloadKind kind, PatchFeatures patches) {
  return std::make_shared<PatchMap>(kind, std::move(patches));
}

std::optional<PatchKind> PatchKindOf(PayloadKind kind) {
  if (kind == PayloadKind::kImage) {
    return PatchKind{.size = {kImagePx, kImagePx}, .settings = {}, .picture = GreyPixels};
  }
  if (kind == PayloadKind::kAudio) {
    // In time and in frequency.
    return PatchKind{.size = {kSoundFrames, kMelBins},
                     .settings = {.filters = 192, .grid = {4, 4}},
                     .picture = SoundPicture};
  }
  return std::nullopt;
}

}  // namespace mixmatch
