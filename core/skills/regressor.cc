// Ridge regression on one output.
#include "core/skills/regressor.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"

namespace mixmatch {
absl::StatusOr<std::shared_ptr<const Regressor>> Regressor::Solve(const Moments& moments,
                                                                  const Responses& responses,
                                                                  const ExampleSample& sample,
                                                                  const SolveSettings& settings,
                                                                  const Regressor* like) {
  const std::shared_ptr<Regressor> made(new Regressor());
  made->settings_ = settings;
  const Sampled sampled = SampledOf(sample, responses, /*numbers=*/true);
  made->examples_ = sampled.examples;
  made->familiarity_ = Familiarity(sampled.x, sampled.dimension, settings.neighbours);
  if (like != nullptr) {
    made->choice_ = like->choice_;
  } else if (responses.outputs().empty()) {
    made->choice_ = {.method = "ridge", .ridge = settings.ridges.front()};
  } else {
    double mean = 0;
    for (const float y : sampled.y) mean += y;
    mean /= std::max<double>(1, static_cast<double>(sampled.y.size()));
    double variance = 0;
    for (const float y : sampled.y) variance += (y - mean) * (y - mean);
    double squares = 0;
    const auto explained = [&](std::span<const float> scores) {
      squares = 0;
      for (size_t i = 0; i < scores.size(); ++i) {
        squares += static_cast<double>(scores[i] - sampled.y[i]) * (scores[i] - sampled.y[i]);
      }
      return variance > 0 ? 1 - squares / variance : 0;
    };
    MM_ASSIGN_OR_RETURN(const RidgeChoice chosen,
                        ChooseRidge(moments, responses, sampled, settings.ridges, explained));
    made->choice_ = {
        .method = "ridge", .ridge = chosen.ridge, .left_out = explained(chosen.scores)};
    if (sampled.count() > 0) {
      made->choice_.left_out_error = std::sqrt(squares / static_cast<double>(sampled.count()));
    }
  }
  if (responses.outputs().empty() && moments.count() > 0) {
    // Nothing but zeros was taught.
    made->map_ = {.dimension = moments.dimension(),
                  .outputs = {0},
                  .weights = std::vector<float>(moments.dimension()),
                  .bias = {0}};
    return std::shared_ptr<const Regressor>(made);
  }
  MM_ASSIGN_OR_RETURN(made->map_, SolveRidge(moments, responses, made->choice_.ridge));
  return std::shared_ptr<const Regressor>(made);
}

Prediction Regressor::Predict(std::span<const float> x, size_t /*scores_max*/,
                              size_t examples_max) const {
  Prediction prediction;
  float score = 0;
  map_.Apply(x, {&score, 1});
  prediction.number = score;
  prediction.number_error = choice_.left_out_error;
  AddFamiliarity(familiarity_, examples_, settings_.familiar_share, familiarity_.Similarities(x),
                 examples_max, prediction);
  return prediction;
}

}  // namespace mixmatch
