// By the kind of skill.
#include "server/skill_tally.h"

#include <algorithm>
#include <vector>

namespace mixmatch {

void SkillTally::Count(const Lesson& truth, std::span<const float> row) {
  const bool many = spec_.kind == SkillKind::kLabels;
  const Prediction prediction =
      solution_.solved->Predict(row, many ? solution_.labels.size() : 1, 0);
  const auto label_of = [this](const ScoredOutput& score) {
    return solution_.labels[static_cast<size_t>(score.output)];
  };
  ++count_;
  unknown_ += prediction.unknown;
  switch (spec_.kind) {
    case SkillKind::kLabel: {
      const std::string said = prediction.scores.empty() ? "" : label_of(prediction.scores[0]);
      confidence_ += prediction.scores.empty() ? 0 : prediction.scores[0].confidence;
      right_ += said == truth.labels[0];
      if (prediction.unknown) {
        ++confusions_[{truth.labels[0], ""}];
      } else if (said != truth.labels[0]) {
        ++confusions_[{truth.labels[0], said}];
      }
      break;
    }
    case SkillKind::kLabels: {
      std::vector<std::string> said;
      for (const ScoredOutput& score : prediction.scores) {
        if (score.confidence > 0.5) said.push_back(label_of(score));
      }
      std::sort(said.begin(), said.end());
      right_ += said == truth.labels;
      break;
    }
    case SkillKind::kNumber: {
      const double error = prediction.number - truth.number;
      squared_error_ += error * error;
      break;
    }
    case SkillKind::kAnomaly:
      right_ += !prediction.unknown;
      break;
  }
}

void SkillTally::Fill(v1::EvaluateResponse& response) const {
  response.set_example_count(count_);
  response.set_right_count(right_);
  response.set_unknown_count(unknown_);
  response.set_confidence_sum(confidence_);
  response.set_squared_error_sum(squared_error_);
  for (const auto& [labels, count] : confusions_) {
    v1::Confusion& added = *response.add_confusions();
    added.set_label(labels.first);
    added.set_predicted(labels.second);
    added.set_count(count);
  }
}

}  // namespace mixmatch
