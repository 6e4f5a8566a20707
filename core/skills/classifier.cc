// Choose a ridge by leaving out, then a method, then how sharp its scores are.
#include "core/skills/classifier.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr size_t kNobody = Familiarity::kNobody;
constexpr size_t kCalibrated = 1000;  // examples at most that the sharpness is found with
constexpr size_t kMixed = 5;          // nearest examples of a label that speak in "nearest"
constexpr double kNearestScale = 10;  // of similarities in "nearest", before they are calibrated

// Probabilities of scores times `sharpness`.
std::vector<double> Soften(const std::vector<double>& scores, double sharpness) {
  const double top = *std::max_element(scores.begin(), scores.end());
  std::vector<double> shares;
  double sum = 0;
  for (const double score : scores) {
    shares.push_back(std::exp((score - top) * sharpness));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  return shares;
}

size_t Best(std::span<const float> scores) {
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Classifier>> Classifier::Solve(const Moments& moments,
                                                                    const Responses& responses,
                                                                    const ExampleSample& sample,
                                                                    const SolveSettings& settings,
                                                                    const Classifier* like) {
  const std::shared_ptr<Classifier> made(new Classifier());
  made->settings_ = settings;
  const Sampled sampled = SampledOf(sample, responses, /*numbers=*/false);
  made->examples_ = sampled.examples;
  for (size_t i = 0; i < sampled.count(); ++i) made->labels_.push_back(Best(sampled.taught(i)));
  made->familiarity_ = Familiarity(sampled.x, sampled.dimension, settings.neighbours);
  if (like != nullptr) {
    made->choice_ = like->choice_;
    made->sharpness_ = like->sharpness_;
  } else {
    MM_RETURN_IF_ERROR(made->Choose(moments, responses, sampled));
  }
  MM_ASSIGN_OR_RETURN(made->map_, SolveDiscriminant(moments, responses, made->choice_.ridge));
  if (like == nullptr) made->Calibrate(sampled);
  return std::shared_ptr<const Classifier>(made);
}

absl::Status Classifier::Choose(const Moments& moments, const Responses& responses,
                                const Sampled& sampled) {
  const size_t labels = sampled.outputs.size();
  const auto share_right = [&](std::span<const float> scores) {
    size_t right = 0;
    for (size_t i = 0; i < sampled.count(); ++i) {
      right += Best(scores.subspan(i * labels, labels)) == labels_[i];
    }
    return sampled.count() > 0 ? static_cast<double>(right) / static_cast<double>(sampled.count())
                               : 0;
  };
  MM_ASSIGN_OR_RETURN(const RidgeChoice chosen,
                      ChooseRidge(moments, responses, sampled, settings_.ridges, share_right));
  choice_.ridge = chosen.ridge;
  choice_.left_out = chosen.quality;
  ChooseMethod(moments, responses);
  return absl::OkStatus();
}

void Classifier::ChooseMethod(const Moments& moments, const Responses& responses) {
  choice_.method = "discriminant";
  if (examples_.empty()) return;
  size_t right = 0;
  for (size_t i = 0; i < examples_.size(); ++i) {
    const size_t other = familiarity_.nearest_other()[i];
    right += other != kNobody && labels_[other] == labels_[i];
  }
  choice_.left_out_nearest = static_cast<double>(right) / static_cast<double>(examples_.size());
  // All that was taught is at hand, and it is too little to know what varies together.
  const bool few = static_cast<double>(examples_.size()) >= moments.count() &&
                   moments.count() < static_cast<double>(moments.dimension());
  const bool single = std::any_of(responses.outputs().begin(), responses.outputs().end(),
                                  [](const auto& output) { return output.second.weight < 2; });
  if (few && (single || choice_.left_out_nearest >= choice_.left_out)) choice_.method = "nearest";
}

std::vector<double> Classifier::ScoresOf(std::span<const float> x,
                                         std::span<const float> similarities, size_t except) const {
  if (choice_.method == "discriminant") {
    std::vector<float> scores(map_.outputs.size());
    map_.Apply(x, scores);
    return {scores.begin(), scores.end()};
  }
  // Of each label the mean similarity to its nearest examples, those that it has.
  std::vector<std::vector<double>> of_label(map_.outputs.size());
  for (size_t i = 0; i < examples_.size(); ++i) {
    if (i != except) of_label[labels_[i]].push_back(similarities[i]);
  }
  std::vector<double> scores;
  for (std::vector<double>& mine : of_label) {
    const size_t count = std::min(kMixed, mine.size());
    const auto end = mine.begin() + static_cast<std::ptrdiff_t>(count);
    std::partial_sort(mine.begin(), end, mine.end(), std::greater<>());
    const double sum = std::accumulate(mine.begin(), end, 0.0);
    scores.push_back(count > 0 ? kNearestScale * sum / static_cast<double>(count) : -kNearestScale);
  }
  return scores;
}

void Classifier::Calibrate(const Sampled& sampled) {
  // Confidence on average as high as the share that is right when left out.
  const bool nearest = choice_.method == "nearest";
  const double right = nearest ? choice_.left_out_nearest : choice_.left_out;
  const size_t count = std::min(examples_.size(), kCalibrated);
  if (count < 2 || map_.outputs.size() < 2) return;
  std::vector<std::vector<double>> scores;
  for (size_t i = 0; i < count; ++i) {
    const std::vector<float> similarities =
        nearest ? familiarity_.Similarities(sampled.row(i)) : std::vector<float>();
    scores.push_back(ScoresOf(sampled.row(i), similarities, nearest ? i : kNobody));
  }
  const auto mean_confidence = [&](double sharpness) {
    double sum = 0;
    for (const std::vector<double>& s : scores) {
      const std::vector<double> shares = Soften(s, sharpness);
      sum += *std::max_element(shares.begin(), shares.end());
    }
    return sum / static_cast<double>(count);
  };
  // Of so few examples, one more would be wrong: never quite sure.
  const double wanted = std::min(right, 1 - 1 / (static_cast<double>(examples_.size()) + 1));
  double low = -7;  // of the logarithm
  double high = 7;
  for (int step = 0; step < 40; ++step) {
    const double middle = (low + high) / 2;
    (mean_confidence(std::exp(middle)) < wanted ? low : high) = middle;
  }
  sharpness_ = std::exp((low + high) / 2);
}

Prediction Classifier::Predict(std::span<const float> x, size_t scores_max,
                               size_t examples_max) const {
  Prediction prediction;
  const std::vector<float> similarities = familiarity_.Similarities(x);
  const std::vector<double> shares = Soften(ScoresOf(x, similarities, kNobody), sharpness_);
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return shares[a] > shares[b]; });
  for (size_t i = 0; i < std::min(scores_max, order.size()); ++i) {
    prediction.scores.push_back({map_.outputs[order[i]], shares[order[i]]});
  }
  if (examples_.empty()) return prediction;
  prediction.familiarity = familiarity_.ShareBelow(similarities);
  prediction.unknown = prediction.familiarity < 1 - settings_.familiar_share;
  for (const Familiarity::Near& near : Familiarity::Largest(
           similarities, examples_max, [&](size_t place) { return labels_[place] == order[0]; })) {
    prediction.examples.push_back(examples_[near.place]);
  }
  return prediction;
}

}  // namespace mixmatch
