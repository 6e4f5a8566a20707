// Labels are outputs with y = 1, a number is output 0.
#include "core/skills/skill_sums.h"

#include <algorithm>

namespace mixmatch {

SkillSums::SkillSums(SkillKind kind, size_t dimension, size_t sample_max)
    : kind_(kind), moments_(dimension), responses_(dimension), sample_(sample_max) {}

int SkillSums::OutputOf(const std::string& label) {
  const auto [place, added] = outputs_.try_emplace(label, static_cast<int>(labels_.size()));
  if (added) labels_.push_back(label);
  return place->second;
}

void SkillSums::Add(std::span<const uint64_t> examples, std::span<const Lesson> lessons,
                    std::span<const float> x) {
  moments_.Add(x);
  const size_t d = dimension();
  for (size_t i = 0; i < examples.size(); ++i) {
    const std::span<const float> row = x.subspan(i * d, d);
    SampledExample sampled{
        .example = examples[i], .number = lessons[i].number, .x = {row.begin(), row.end()}};
    if (kind_ == SkillKind::kNumber) responses_.Add(0, row, lessons[i].number);
    for (const std::string& label : lessons[i].labels) {
      sampled.outputs.push_back(OutputOf(label));
      responses_.Add(sampled.outputs.back(), row, 1);
    }
    std::sort(sampled.outputs.begin(), sampled.outputs.end());
    sample_.Add(std::move(sampled));
  }
}

void SkillSums::Remove(uint64_t example, const Lesson& lesson, std::span<const float> x) {
  moments_.Remove(x);
  if (kind_ == SkillKind::kNumber) responses_.Remove(0, x, lesson.number);
  for (const std::string& label : lesson.labels) responses_.Remove(OutputOf(label), x, 1);
  sample_.Remove(example);
}

absl::StatusOr<std::shared_ptr<const SolvedSkill>> SkillSums::Solve(const SolveSettings& settings,
                                                                    const SolvedSkill* like) const {
  return SolveSkill(kind_, moments_, responses_, sample_, settings, like);
}

}  // namespace mixmatch
