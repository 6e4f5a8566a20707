// Ridge regression on every label, and a logistic curve over each score.
#include "core/skills/tagger.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr int kNewtonSteps = 30;
constexpr double kDamping = 1e-6;  // of Newton's steps

double Logistic(double value) { return 1 / (1 + std::exp(-value)); }

}  // namespace

absl::StatusOr<std::shared_ptr<const Tagger>> Tagger::Solve(const Moments& moments,
                                                            const Responses& responses,
                                                            const ExampleSample& sample,
                                                            const SolveSettings& settings,
                                                            const Tagger* like) {
  const std::shared_ptr<Tagger> made(new Tagger());
  made->settings_ = settings;
  const Sampled sampled = SampledOf(sample, responses, /*numbers=*/false);
  made->examples_ = sampled.examples;
  made->familiarity_ = Familiarity(sampled.x, sampled.dimension, settings.neighbours);
  if (like != nullptr && like->curve_outputs_ == sampled.outputs) {
    made->choice_ = like->choice_;
    made->curves_ = like->curves_;
    made->curve_outputs_ = like->curve_outputs_;
  } else {
    const auto share_right = [&](std::span<const float> scores) {
      size_t right = 0;
      for (size_t i = 0; i < scores.size(); ++i)
        right += (scores[i] > 0.5F) == (sampled.y[i] > 0.5F);
      return scores.empty() ? 0 : static_cast<double>(right) / static_cast<double>(scores.size());
    };
    MM_ASSIGN_OR_RETURN(const RidgeChoice chosen,
                        ChooseRidge(moments, responses, sampled, settings.ridges, share_right));
    made->choice_ = {.method = "ridge", .ridge = chosen.ridge, .left_out = chosen.quality};
    made->Calibrate(sampled, chosen.scores);
  }
  MM_ASSIGN_OR_RETURN(made->map_, SolveRidge(moments, responses, made->choice_.ridge));
  return std::shared_ptr<const Tagger>(made);
}

void Tagger::Calibrate(const Sampled& sampled, std::span<const float> scores) {
  const size_t labels = sampled.outputs.size();
  curve_outputs_ = sampled.outputs;
  for (size_t label = 0; label < labels; ++label) {
    double with = 0;
    for (size_t i = 0; i < sampled.count(); ++i) with += sampled.taught(i)[label];
    const double without = static_cast<double>(sampled.count()) - with;
    const double yes = (with + 1) / (with + 2);
    const double no = 1 / (without + 2);
    Curve curve;
    for (int step = 0; step < kNewtonSteps; ++step) {
      double g0 = 0;  // gradient by slope and offset
      double g1 = 0;
      double h00 = kDamping;
      double h01 = 0;
      double h11 = kDamping;
      for (size_t i = 0; i < sampled.count(); ++i) {
        const double score = scores[i * labels + label];
        const double p = Logistic(curve.slope * score + curve.offset);
        const double error = p - (sampled.taught(i)[label] > 0.5F ? yes : no);
        const double weight = p * (1 - p);
        g0 += error * score;
        g1 += error;
        h00 += weight * score * score;
        h01 += weight * score;
        h11 += weight;
      }
      const double determinant = h00 * h11 - h01 * h01;
      if (!(std::abs(determinant) > 1e-300)) break;
      const double slope = curve.slope - (h11 * g0 - h01 * g1) / determinant;
      const double offset = curve.offset - (h00 * g1 - h01 * g0) / determinant;
      // A label that the scores do not speak of, or that they tell apart wholly: stay as before.
      if (!std::isfinite(slope) || !std::isfinite(offset) || std::abs(slope) > 1e3) break;
      curve = {.slope = slope, .offset = offset};
    }
    curves_.push_back(curve);
  }
}

Prediction Tagger::Predict(std::span<const float> x, size_t scores_max, size_t examples_max) const {
  Prediction prediction;
  std::vector<float> scores(map_.outputs.size());
  map_.Apply(x, scores);
  for (size_t label = 0; label < scores.size(); ++label) {
    const Curve& curve = curves_[label];
    prediction.scores.push_back(
        {map_.outputs[label], Logistic(curve.slope * scores[label] + curve.offset)});
  }
  std::stable_sort(
      prediction.scores.begin(), prediction.scores.end(),
      [](const ScoredOutput& a, const ScoredOutput& b) { return a.confidence > b.confidence; });
  if (prediction.scores.size() > scores_max) prediction.scores.resize(scores_max);
  AddFamiliarity(familiarity_, examples_, settings_.familiar_share, familiarity_.Similarities(x),
                 examples_max, prediction);
  return prediction;
}

}  // namespace mixmatch
