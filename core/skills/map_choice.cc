// Where there are more numbers than examples, by the products of the examples.
#include "core/skills/map_choice.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/skills/solve.h"

namespace mixmatch {
namespace {

// What was taught as numbers [n, L].
struct Targets {
  size_t outputs = 0;
  std::vector<float> y;
};

Targets TargetsOf(SkillKind kind, std::span<const Lesson> lessons) {
  Targets targets;
  if (kind == SkillKind::kNumber) {
    targets.outputs = 1;
    for (const Lesson& lesson : lessons) targets.y.push_back(static_cast<float>(lesson.number));
    return targets;
  }
  std::map<std::string, size_t> places;
  for (const Lesson& lesson : lessons) {
    for (const std::string& label : lesson.labels) places.try_emplace(label, places.size());
  }
  targets.outputs = places.size();
  targets.y.resize(lessons.size() * targets.outputs);
  for (size_t i = 0; i < lessons.size(); ++i) {
    for (const std::string& label : lessons[i].labels) {
      targets.y[i * targets.outputs + places[label]] = 1;
    }
  }
  return targets;
}

size_t Best(std::span<const float> scores) {
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

RowsJudged Judged(SkillKind kind, const Targets& targets, std::span<const float> scores) {
  const size_t outputs = targets.outputs;
  const size_t n = targets.y.size() / outputs;
  const std::span<const float> y = targets.y;
  RowsJudged judged;
  if (kind == SkillKind::kNumber) {
    double mean = 0;
    for (const float number : y) mean += number / static_cast<double>(n);
    double variance = 0;
    for (const float number : y) variance += (number - mean) * (number - mean);
    variance /= static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) {
      const double error = scores[i] - y[i];
      judged.each.push_back(variance > 0 ? 1 - error * error / variance : 0);
    }
  } else {
    for (size_t at = 0; at < scores.size(); at += outputs) {
      const auto said = scores.subspan(at, outputs);
      const auto taught = y.subspan(at, outputs);
      if (kind == SkillKind::kLabel) {
        judged.each.push_back(Best(said) == Best(taught) ? 1 : 0);
        continue;
      }
      double right = 0;
      for (size_t c = 0; c < outputs; ++c) right += (said[c] > 0.5F) == (taught[c] > 0.5F);
      judged.each.push_back(right / static_cast<double>(outputs));
    }
  }
  for (const double one : judged.each) judged.quality += one / static_cast<double>(n);
  return judged;
}

}  // namespace

absl::StatusOr<RowsJudged> JudgeRows(SkillKind kind, std::span<const Lesson> lessons,
                                     std::span<const float> x, size_t dimension,
                                     std::span<const double> ridges) {
  if (kind == SkillKind::kAnomaly || lessons.empty()) {
    return absl::InvalidArgumentError("skill: nothing to judge a feature map by");
  }
  const Targets targets = TargetsOf(kind, lessons);
  if (targets.outputs == 0) return absl::InvalidArgumentError("skill: no label was taught");
  RowsJudged best;
  const auto take = [&](std::span<const float> scores) {
    RowsJudged judged = Judged(kind, targets, scores);
    if (best.each.empty() || judged.quality > best.quality) best = std::move(judged);
  };
  if (lessons.size() <= dimension) {
    for (const double ridge : ridges) {
      MM_ASSIGN_OR_RETURN(const std::vector<float> scores,
                          LeaveOneOutKernel(x, dimension, targets.y, targets.outputs, ridge));
      take(scores);
    }
    return best;
  }
  Moments moments(dimension);
  moments.Add(x);
  Responses responses(dimension);
  for (size_t i = 0; i < lessons.size(); ++i) {
    for (size_t output = 0; output < targets.outputs; ++output) {
      const double y = targets.y[i * targets.outputs + output];
      if (y != 0) {
        responses.Add(static_cast<int>(output), x.subspan(i * dimension, dimension), y);
      }
    }
  }
  if (responses.outputs().size() != targets.outputs) {  // a number that is always 0
    return RowsJudged{.each = std::vector<double>(lessons.size())};
  }
  for (const double ridge : ridges) {
    MM_ASSIGN_OR_RETURN(const std::vector<float> scores,
                        LeaveOneOutRidge(moments, responses, ridge, x, targets.y));
    take(scores);
  }
  return best;
}

}  // namespace mixmatch
