// A skill that names things: one label out of those that were taught, with a confidence that means
// what it says, "unknown" where it is, and the taught examples that speak for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/example_sample.h"
#include "core/skills/moments.h"
#include "core/skills/solve.h"

namespace mixmatch {

struct ClassifierSettings {
  std::vector<double> ridges = {1, 0.1, 0.01, 1e-3, 1e-4};  // to choose from
  size_t neighbours = 3;         // nearest taught examples that say how familiar something is
  double familiar_share = 0.97;  // of the taught examples that are familiar when left out
};

// How a classifier was chosen, for whoever asks why.
struct ClassifierChoice {
  std::string method;           // "discriminant", or "nearest" while examples are few
  double ridge = 0;             // of the discriminant
  double left_out = 0;          // share of the sampled examples that ridge regression names right,
                                // each left out
  double left_out_nearest = 0;  // the same by the nearest other example
};

struct NamedScore {
  int output = 0;
  double confidence = 0;  // 0 to 1; all of them add up to 1
};

struct Naming {
  std::vector<NamedScore> scores;  // most confident first
  bool unknown = false;            // like nothing that was taught
  double familiarity = 0;          // share of the taught examples that are less familiar, 0 to 1
  std::vector<uint64_t> examples;  // nearest taught examples of the first label, nearest first
};

// Thread-safety: Immutable once made; safe to share.
class Classifier {
 public:
  // Solves a classifier from sums over examples of one label each and a sample of them. Errors as
  // SolveRidge().
  static absl::StatusOr<std::shared_ptr<const Classifier>> Solve(
      const Moments& moments, const Responses& responses, const ExampleSample& sample,
      const ClassifierSettings& settings);

  // What it says of x [D]: at most `scores_max` scores and `examples_max` examples.
  Naming Name(std::span<const float> x, size_t scores_max, size_t examples_max) const;

  const ClassifierChoice& choice() const { return choice_; }

 private:
  struct Near {
    float similarity = 0;  // cosine
    size_t place = 0;      // in the sample
  };

  Classifier() = default;

  // The `count` examples of the sample most like x, without the one at `except`.
  std::vector<Near> Nearest(std::span<const float> x, size_t count, size_t except) const;
  // Logarithms of probabilities but for a shared number: [L].
  std::vector<double> ScoresOf(std::span<const float> x, size_t except) const;
  double MeanSimilarity(const std::vector<Near>& nearest) const;
  void ChooseMethod(const Moments& moments, const Responses& responses);
  // `x` [n, D]: the sample's features.
  void Calibrate(std::span<const float> x);

  ClassifierSettings settings_;
  ClassifierChoice choice_;
  LinearMap map_;
  double sharpness_ = 1;  // that scores are multiplied with
  size_t dimension_ = 0;
  std::vector<uint64_t> examples_;  // of the sample
  std::vector<size_t> labels_;      // place in map_.outputs
  std::vector<float> units_;        // [n, D], of length 1
  std::vector<double> familiar_;    // rising: mean similarity of each sampled example, left out
};

}  // namespace mixmatch
