// Where there are more numbers than examples, by the products of the examples.
#include "core/skills/map_choice.h"

#include <algorithm>
#include <map>
#include <string>

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

double QualityOf(SkillKind kind, const Targets& targets, std::span<const float> scores) {
  const auto count = static_cast<double>(targets.y.size());
  if (kind == SkillKind::kNumber) {
    double mean = 0;
    for (const float y : targets.y) mean += y / count;
    double variance = 0;
    double error = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      variance += (targets.y[i] - mean) * (targets.y[i] - mean);
      error += static_cast<double>(scores[i] - targets.y[i]) * (scores[i] - targets.y[i]);
    }
    return variance > 0 ? 1 - error / variance : 0;
  }
  size_t right = 0;
  if (kind == SkillKind::kLabels) {
    for (size_t i = 0; i < scores.size(); ++i) right += (scores[i] > 0.5F) == (targets.y[i] > 0.5F);
    return static_cast<double>(right) / count;
  }
  const size_t outputs = targets.outputs;
  for (size_t at = 0; at < scores.size(); at += outputs) {
    right += Best(scores.subspan(at, outputs)) ==
             Best(std::span<const float>(targets.y).subspan(at, outputs));
  }
  return static_cast<double>(right * outputs) / count;
}

}  // namespace

absl::StatusOr<double> JudgeRows(SkillKind kind, std::span<const Lesson> lessons,
                                 std::span<const float> x, size_t dimension,
                                 std::span<const double> ridges) {
  if (kind == SkillKind::kAnomaly || lessons.empty()) {
    return absl::InvalidArgumentError("skill: nothing to judge a feature map by");
  }
  const Targets targets = TargetsOf(kind, lessons);
  if (targets.outputs == 0) return absl::InvalidArgumentError("skill: no label was taught");
  double best = -1;
  if (lessons.size() <= dimension) {
    for (const double ridge : ridges) {
      MM_ASSIGN_OR_RETURN(const std::vector<float> scores,
                          LeaveOneOutKernel(x, dimension, targets.y, targets.outputs, ridge));
      best = std::max(best, QualityOf(kind, targets, scores));
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
  if (responses.outputs().size() != targets.outputs) return 0;  // a number that is always 0
  for (const double ridge : ridges) {
    MM_ASSIGN_OR_RETURN(const std::vector<float> scores,
                        LeaveOneOutRidge(moments, responses, ridge, x, targets.y));
    best = std::max(best, QualityOf(kind, targets, scores));
  }
  return best;
}

}  // namespace mixmatch
