// Choose a ridge by leaving out, then a method, then how sharp its scores are.
#include "core/skills/classifier.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "core/base/status.h"
#include "core/skills/linear_algebra.h"

namespace mixmatch {
namespace {

constexpr size_t kNobody = SIZE_MAX;
constexpr size_t kCalibrated = 1000;  // examples at most that the sharpness is found with
constexpr size_t kMixed = 5;          // nearest examples of a label that speak in "nearest"

std::vector<float> Unit(std::span<const float> x) {
  const float size = std::sqrt(Dot(x, x));
  std::vector<float> unit(x.begin(), x.end());
  if (size > 0) {
    for (float& value : unit) value /= size;
  }
  return unit;
}

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

absl::StatusOr<std::shared_ptr<const Classifier>> Classifier::Solve(
    const Moments& moments, const Responses& responses, const ExampleSample& sample,
    const ClassifierSettings& settings) {
  const std::shared_ptr<Classifier> made(new Classifier());
  made->settings_ = settings;
  made->dimension_ = moments.dimension();
  std::vector<int> outputs;
  for (const auto& [output, sums] : responses.outputs()) outputs.push_back(output);
  std::vector<float> x;
  std::vector<float> y;
  for (const auto& [key, example] : sample.kept()) {
    if (example.outputs.size() != 1 || example.x.size() != made->dimension_) continue;
    const auto found = std::lower_bound(outputs.begin(), outputs.end(), example.outputs[0]);
    if (found == outputs.end() || *found != example.outputs[0]) continue;
    made->examples_.push_back(example.example);
    made->labels_.push_back(static_cast<size_t>(found - outputs.begin()));
    x.insert(x.end(), example.x.begin(), example.x.end());
    const std::vector<float> unit = Unit(example.x);
    made->units_.insert(made->units_.end(), unit.begin(), unit.end());
    y.resize(y.size() + outputs.size());
    y[y.size() - outputs.size() + made->labels_.back()] = 1;
  }
  const size_t count = made->examples_.size();
  made->choice_.left_out = -1;
  for (const double ridge : settings.ridges) {
    MM_ASSIGN_OR_RETURN(const std::vector<float> scores,
                        LeaveOneOutRidge(moments, responses, ridge, x, y));
    size_t right = 0;
    for (size_t i = 0; i < count; ++i) {
      right +=
          Best(std::span(scores).subspan(i * outputs.size(), outputs.size())) == made->labels_[i];
    }
    const double share = count > 0 ? static_cast<double>(right) / static_cast<double>(count) : 0;
    if (share > made->choice_.left_out) {
      made->choice_.left_out = share;
      made->choice_.ridge = ridge;
    }
  }
  MM_ASSIGN_OR_RETURN(made->map_, SolveDiscriminant(moments, responses, made->choice_.ridge));
  made->ChooseMethod(moments, responses);
  made->Calibrate(x);
  return std::shared_ptr<const Classifier>(made);
}

void Classifier::ChooseMethod(const Moments& moments, const Responses& responses) {
  choice_.method = "discriminant";
  size_t right = 0;
  for (size_t i = 0; i < examples_.size(); ++i) {
    const auto x = std::span(units_).subspan(i * dimension_, dimension_);
    const std::vector<Near> nearest = Nearest(x, settings_.neighbours, i);
    familiar_.push_back(MeanSimilarity(nearest));
    right += !nearest.empty() && labels_[nearest[0].place] == labels_[i];
  }
  std::sort(familiar_.begin(), familiar_.end());
  if (examples_.empty()) return;
  choice_.left_out_nearest = static_cast<double>(right) / static_cast<double>(examples_.size());
  // All that was taught is at hand, and it is too little to know what varies together.
  const bool few = static_cast<double>(examples_.size()) >= moments.count() &&
                   moments.count() < static_cast<double>(moments.dimension());
  const bool single = std::any_of(responses.outputs().begin(), responses.outputs().end(),
                                  [](const auto& output) { return output.second.weight < 2; });
  if (few && (single || choice_.left_out_nearest >= choice_.left_out)) choice_.method = "nearest";
}

std::vector<Classifier::Near> Classifier::Nearest(std::span<const float> x, size_t count,
                                                  size_t except) const {
  std::vector<Near> nearest;
  for (size_t i = 0; i < examples_.size(); ++i) {
    if (i == except) continue;
    const float similarity = Dot(x, std::span(units_).subspan(i * dimension_, dimension_));
    if (nearest.size() == count && similarity <= nearest.back().similarity) continue;
    if (nearest.size() == count) nearest.pop_back();
    const auto at = std::upper_bound(nearest.begin(), nearest.end(), similarity,
                                     [](float s, const Near& n) { return s > n.similarity; });
    nearest.insert(at, {similarity, i});
  }
  return nearest;
}

double Classifier::MeanSimilarity(const std::vector<Near>& nearest) const {
  if (nearest.empty()) return -1;
  double sum = 0;
  for (const Near& near : nearest) sum += near.similarity;
  return sum / static_cast<double>(nearest.size());
}

std::vector<double> Classifier::ScoresOf(std::span<const float> x, size_t except) const {
  if (choice_.method == "discriminant") {
    std::vector<float> scores(map_.outputs.size());
    map_.Apply(x, scores);
    return {scores.begin(), scores.end()};
  }
  // Of each label the mean similarity to its nearest examples, those that it has.
  const std::vector<float> unit = Unit(x);
  std::vector<std::vector<double>> similarities(map_.outputs.size());
  for (size_t i = 0; i < examples_.size(); ++i) {
    if (i == except) continue;
    similarities[labels_[i]].push_back(
        Dot(unit, std::span(units_).subspan(i * dimension_, dimension_)));
  }
  std::vector<double> scores;
  for (std::vector<double>& mine : similarities) {
    const size_t count = std::min(kMixed, mine.size());
    std::partial_sort(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(count), mine.end(),
                      std::greater<>());
    const double sum =
        std::accumulate(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
    scores.push_back(count > 0 ? 10 * sum / static_cast<double>(count) : -10);
  }
  return scores;
}

void Classifier::Calibrate(std::span<const float> x) {
  // Confidence on average as high as the share that is right when left out.
  const bool nearest = choice_.method == "nearest";
  const double right = nearest ? choice_.left_out_nearest : choice_.left_out;
  const size_t count = std::min(examples_.size(), kCalibrated);
  if (count < 2 || map_.outputs.size() < 2) return;
  std::vector<std::vector<double>> scores;
  for (size_t i = 0; i < count; ++i) {
    scores.push_back(ScoresOf(x.subspan(i * dimension_, dimension_), nearest ? i : kNobody));
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

Naming Classifier::Name(std::span<const float> x, size_t scores_max, size_t examples_max) const {
  Naming naming;
  const std::vector<double> shares = Soften(ScoresOf(x, kNobody), sharpness_);
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return shares[a] > shares[b]; });
  for (size_t i = 0; i < std::min(scores_max, order.size()); ++i) {
    naming.scores.push_back({map_.outputs[order[i]], shares[order[i]]});
  }
  if (examples_.empty()) return naming;
  const std::vector<float> unit = Unit(x);
  const double similarity = MeanSimilarity(Nearest(unit, settings_.neighbours, kNobody));
  const auto below = std::lower_bound(familiar_.begin(), familiar_.end(), similarity);
  naming.familiarity =
      static_cast<double>(below - familiar_.begin()) / static_cast<double>(familiar_.size());
  naming.unknown = naming.familiarity < 1 - settings_.familiar_share;
  for (const Near& near : Nearest(unit, examples_.size(), kNobody)) {
    if (naming.examples.size() == examples_max) break;
    if (labels_[near.place] == order[0]) naming.examples.push_back(examples_[near.place]);
  }
  return naming;
}

}  // namespace mixmatch
