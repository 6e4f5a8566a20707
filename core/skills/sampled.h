// The sample of a skill's examples as matrices, and what is chosen by leaving them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/example_sample.h"
#include "core/skills/familiarity.h"
#include "core/skills/moments.h"
#include "core/skills/solved_skill.h"

namespace mixmatch {

struct Sampled {
  size_t dimension = 0;
  std::vector<int> outputs;        // [L], rising
  std::vector<uint64_t> examples;  // [n]
  std::vector<float> x;            // [n, D]
  std::vector<float> y;            // [n, L]: 1 for a label that it has; of a number the number

  size_t count() const { return examples.size(); }
  std::span<const float> row(size_t i) const {
    return std::span(x).subspan(i * dimension, dimension);
  }
  std::span<const float> taught(size_t i) const {
    return std::span(y).subspan(i * outputs.size(), outputs.size());
  }
};

// `numbers`: y is what each example's number is; otherwise its labels.
Sampled SampledOf(const ExampleSample& sample, const Responses& responses, bool numbers);

struct RidgeChoice {
  double ridge = 0;
  double quality = 0;         // of the best
  std::vector<float> scores;  // [n, L]: left out, by the best ridge
};

// Tries every ridge, and keeps the one whose left-out scores have the highest `quality`; the first
// of equals. Errors as SolveRidge().
absl::StatusOr<RidgeChoice> ChooseRidge(
    const Moments& moments, const Responses& responses, const Sampled& sampled,
    std::span<const double> ridges,
    const std::function<double(std::span<const float> scores)>& quality);

// Fills in how familiar something is, and the taught examples nearest to it, whatever their
// outputs; `similarities` as Familiarity gives them, `examples` in its order.
void AddFamiliarity(const Familiarity& familiarity, std::span<const uint64_t> examples,
                    double familiar_share, std::span<const float> similarities, size_t examples_max,
                    Prediction& prediction);

}  // namespace mixmatch
