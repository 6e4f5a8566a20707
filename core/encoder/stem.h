// Stems: the learned part of one modality, from features to tokens.
//
// Internal to core/encoder: includes torch. Takes features from core/senses; gives tokens to
// core/encoder/model.h. Percepts of a batch do not see each other: what pads is masked away.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "core/base/event.h"
#include "core/encoder/parameters.h"
#include "core/senses/features.h"

namespace mixmatch {

// Thread-safety: Immutable; safe to share.
class Stem {
 public:
  virtual ~Stem() = default;

  // INVALID_ARGUMENT when Tokens() could not take these features.
  virtual absl::Status Check(const Features& features) const = 0;

  // Tokens of percepts, in order: [N, D]; counts[i] receives how many are of percept i, at least 1.
  virtual at::Tensor Tokens(std::span<const Features* const> batch,
                            std::vector<int64_t>& counts) const = 0;
};

// The stem of a modality, its parameters made from `store` under "stem/<kind>/<dimension>/<name>".
// Video has none: it is refused before it gets here.
std::unique_ptr<const Stem> MakeStem(const ModalitySpec& modality, int64_t width,
                                     ParameterStore& store);

// The maker of each kind.
std::unique_ptr<const Stem> MakeImageStem(const std::string& name, int64_t width,
                                          ParameterStore& store);
std::unique_ptr<const Stem> MakeAudioStem(const std::string& name, int64_t width,
                                          ParameterStore& store);
std::unique_ptr<const Stem> MakeTextStem(const std::string& name, int64_t width,
                                         ParameterStore& store);
std::unique_ptr<const Stem> MakeSeriesStem(const std::string& name, int64_t channels, int64_t width,
                                           ParameterStore& store);
std::unique_ptr<const Stem> MakeVectorStem(const std::string& name, int64_t dimension,
                                           int64_t width, ParameterStore& store);

// Adds to each token where it stands in its percept: [N, D] sinusoids of the place in `counts`.
at::Tensor Places(std::span<const int64_t> counts, int64_t width, const at::TensorOptions& options);

// Whether shape and byte count belong together for numbers of `number_bytes` bytes.
bool SizesAgree(const Features& features, size_t rank, size_t number_bytes);

}  // namespace mixmatch
