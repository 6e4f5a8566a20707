// What a skill sees of an example: fixed features of a percept, or the point that the encoder makes
// of it.
//
// Takes embeddings or features of the senses; gives rows of numbers to core/skills' sums.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/encoder/encoder.h"
#include "core/skills/patch_features.h"

namespace mixmatch {

// Values are part of the disk format: never renumber.
enum class FeatureMapKind {
  kChosen = 0,     // not one of them: whichever is best by leaving out
  kEmbedding = 1,  // the point of the space
  kRandom = 2,     // the point and random features of it
  kFrontEnd = 3,   // fixed features of one modality; the encoder has no part in it
};

// "chosen", "embedding", "random features", "front end".
std::string_view FeatureMapName(FeatureMapKind kind);

// An example as maps see it. Borrows both.
struct ExampleView {
  std::span<const float> embedding;  // [E], for the maps of the space
  Mixture percepts;                  // for the front end
};

// Thread-safety: Immutable; safe to share.
class FeatureMap {
 public:
  virtual ~FeatureMap() = default;

  virtual FeatureMapKind kind() const = 0;
  virtual size_t dimension() const = 0;  // D

  // The example's row: out [D]. INVALID_ARGUMENT for an example that the map is not for.
  virtual absl::Status Map(const ExampleView& example, std::span<float> out) const = 0;
};

// Of a space of `embedding` dimensions.
std::shared_ptr<const FeatureMap> MakeEmbeddingMap(size_t embedding);
// The same and random features of it, 1,024 together.
std::shared_ptr<const FeatureMap> MakeRandomMap(size_t embedding);
// Of pictures or sounds, one each example; `patches` are of their kind's pictures.
std::shared_ptr<const FeatureMap> MakePatchMap(PayloadKind kind, PatchFeatures patches);

// What patches are taken of, by kind of payload: a picture's grey pixels as the image front end
// leaves them, or a sound's picture. Nothing for other kinds.
struct PatchKind {
  Extent size;
  PatchSettings settings;
  std::vector<uint8_t> (*picture)(const Features& features);  // [height, width]
};
std::optional<PatchKind> PatchKindOf(PayloadKind kind);

}  // namespace mixmatch
