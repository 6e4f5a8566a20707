// Familiarity alone.
#include "core/skills/novelty.h"

#include <utility>

#include "core/skills/sampled.h"

namespace mixmatch {

absl::StatusOr<std::shared_ptr<const Novelty>> Novelty::Solve(const ExampleSample& sample,
                                                              size_t dimension,
                                                              const SolveSettings& settings) {
  const std::shared_ptr<Novelty> made(new Novelty());
  made->settings_ = settings;
  made->choice_.method = "familiarity";
  std::vector<float> x;
  for (const auto& [key, example] : sample.kept()) {
    made->examples_.push_back(example.example);
    x.insert(x.end(), example.x.begin(), example.x.end());
  }
  if (made->examples_.empty()) {
    return absl::FailedPreconditionError(
        "skill: nothing was taught yet; teach examples of what is normal");
  }
  made->familiarity_ = Familiarity(x, dimension, settings.neighbours);
  return std::shared_ptr<const Novelty>(made);
}

Prediction Novelty::Predict(std::span<const float> x, size_t /*scores_max*/,
                            size_t examples_max) const {
  Prediction prediction;
  AddFamiliarity(familiarity_, examples_, settings_.familiar_share, familiarity_.Similarities(x),
                 examples_max, prediction);
  return prediction;
}

}  // namespace mixmatch
