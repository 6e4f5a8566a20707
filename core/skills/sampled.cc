// Rows in the order of the sample, which is no order of teaching.
#include "core/skills/sampled.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/skills/solve.h"

namespace mixmatch {

Sampled SampledOf(const ExampleSample& sample, const Responses& responses, bool numbers) {
  Sampled sampled{.dimension = responses.dimension()};
  for (const auto& [output, sums] : responses.outputs()) sampled.outputs.push_back(output);
  for (const auto& [key, example] : sample.kept()) {
    sampled.examples.push_back(example.example);
    sampled.x.insert(sampled.x.end(), example.x.begin(), example.x.end());
    for (const int output : sampled.outputs) {
      const bool has = std::binary_search(example.outputs.begin(), example.outputs.end(), output);
      sampled.y.push_back(numbers ? static_cast<float>(example.number) : (has ? 1.0F : 0.0F));
    }
  }
  return sampled;
}

absl::StatusOr<RidgeChoice> ChooseRidge(
    const Moments& moments, const Responses& responses, const Sampled& sampled,
    std::span<const double> ridges,
    const std::function<double(std::span<const float> scores)>& quality) {
  RidgeChoice best;
  bool first = true;
  for (const double ridge : ridges) {
    MM_ASSIGN_OR_RETURN(std::vector<float> scores,
                        LeaveOneOutRidge(moments, responses, ridge, sampled.x, sampled.y));
    const double reached = quality(scores);
    if (first || reached > best.quality) {
      best = {.ridge = ridge, .quality = reached, .scores = std::move(scores)};
    }
    first = false;
  }
  return best;
}

void AddFamiliarity(const Familiarity& familiarity, std::span<const uint64_t> examples,
                    double familiar_share, std::span<const float> similarities, size_t examples_max,
                    Prediction& prediction) {
  if (examples.empty()) return;
  prediction.familiarity = familiarity.ShareBelow(similarities);
  prediction.unknown = prediction.familiarity < 1 - familiar_share;
  for (const Familiarity::Near& near :
       Familiarity::Largest(similarities, examples_max, [](size_t) { return true; })) {
    prediction.examples.push_back(examples[near.place]);
  }
}

}  // namespace mixmatch
