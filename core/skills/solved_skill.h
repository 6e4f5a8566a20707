// A skill, solved: what it says of something, how sure it is, and which taught examples speak for
// it.
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

namespace mixmatch {

enum class SkillKind {
  kLabel,    // one label out of those that were taught
  kLabels,   // any number of labels
  kNumber,   // a number
  kAnomaly,  // whether something is unlike what was taught
};

struct SolveSettings {
  std::vector<double> ridges = {1, 0.1, 0.01, 1e-3, 1e-4};  // to choose from
  size_t neighbours = 3;         // nearest taught examples that say how familiar something is
  double familiar_share = 0.97;  // of the taught examples that are familiar when left out
};

// How a skill was solved, for whoever asks why.
struct SolveChoice {
  std::string method;           // "discriminant", "ridge", "nearest", "familiarity"
  double ridge = 0;             // in mean variances
  double left_out = 0;          // how well ridge regression says what each sampled example was
                                // taught, left out: share right; of a number the share of its
                                // variance that is explained
  double left_out_nearest = 0;  // of one label: the same by the nearest other example
  double left_out_error = 0;    // of a number: root of the mean square
};

struct ScoredOutput {
  int output = 0;
  double confidence = 0;  // 0 to 1
};

struct Prediction {
  // Most confident first. Of one label they add up to 1; of several each stands for itself.
  std::vector<ScoredOutput> scores;
  double number = 0;        // of kNumber
  double number_error = 0;  // of kNumber: root of the mean square to expect
  bool unknown = false;     // like nothing that was taught
  double familiarity = 0;   // share of the taught examples that are less familiar, 0 to 1
  // The nearest taught examples, nearest first; of one label those of the first one.
  std::vector<uint64_t> examples;
};

// Thread-safety: Immutable once made; safe to share.
class SolvedSkill {
 public:
  virtual ~SolvedSkill() = default;

  // What it says of x [D]: at most `scores_max` scores and `examples_max` examples.
  virtual Prediction Predict(std::span<const float> x, size_t scores_max,
                             size_t examples_max) const = 0;
  virtual const SolveChoice& choice() const = 0;
};

// Solves a skill from sums over all its examples and a sample of them. With `like`, an earlier
// solution of the same skill over the same features, ridge and calibration are taken from it, which
// is quicker. FAILED_PRECONDITION while there is no example or no output; INTERNAL where the sums
// are damaged.
absl::StatusOr<std::shared_ptr<const SolvedSkill>> SolveSkill(
    SkillKind kind, const Moments& moments, const Responses& responses, const ExampleSample& sample,
    const SolveSettings& settings, const SolvedSkill* like);

}  // namespace mixmatch
