// The same examples, the same method, two encoders.
#include "core/skills/skill_scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/skills/map_choice.h"

namespace mixmatch {
namespace {

constexpr size_t kExamplesMin = 50;
constexpr size_t kExamplesMax = 256;
constexpr uint64_t kSeed = 0x73636f7265;
constexpr std::array<double, 3> kRidges = {1, 0.1, 0.01};

}  // namespace

absl::StatusOr<std::optional<GateScore>> ScoreSkill(const SkillSpec& spec,
                                                    const std::map<ExampleId, Lesson>& lessons,
                                                    const ExampleSource& source,
                                                    const Encoder& candidate,
                                                    const Encoder& serving) {
  if (spec.kind == SkillKind::kAnomaly || spec.map == FeatureMapKind::kFrontEnd ||
      lessons.size() < kExamplesMin) {
    return std::nullopt;
  }
  std::vector<std::pair<uint64_t, ExampleId>> drawn;
  for (const auto& [example, lesson] : lessons) {
    drawn.emplace_back(StableMix64(kSeed, example), example);
  }
  const size_t wanted = std::min(kExamplesMax, drawn.size());
  std::partial_sort(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(wanted),
                    drawn.end());
  std::vector<ExampleId> examples;
  for (size_t i = 0; i < wanted; ++i) examples.push_back(drawn[i].second);

  std::array<RowsJudged, 2> judged;
  for (size_t which = 0; which < 2; ++which) {
    const Encoder& encoder = which == 0 ? candidate : serving;
    const auto e = static_cast<size_t>(encoder.config().embedding);
    std::vector<float> points(wanted * e);
    std::vector<bool> readable;
    MM_RETURN_IF_ERROR(source.Points(spec, examples, encoder, points, readable));
    std::vector<float> x;
    std::vector<Lesson> taught;
    for (size_t i = 0; i < wanted; ++i) {
      if (!readable[i]) continue;
      x.insert(x.end(), points.begin() + static_cast<std::ptrdiff_t>(i * e),
               points.begin() + static_cast<std::ptrdiff_t>((i + 1) * e));
      taught.push_back(lessons.at(examples[i]));
    }
    if (taught.size() < kExamplesMin) return std::nullopt;
    MM_ASSIGN_OR_RETURN(judged[which], JudgeRows(spec.kind, taught, x, e, kRidges));
  }
  const auto count = static_cast<double>(judged[0].each.size());
  GateScore score{.measure = absl::StrCat("skill ", spec.name),
                  .candidate = judged[0].quality,
                  .serving = judged[1].quality,
                  .probe_count = judged[0].each.size()};
  double squares = 0;
  for (size_t i = 0; i < judged[0].each.size(); ++i) {
    const double difference =
        judged[0].each[i] - judged[1].each[i] - (score.candidate - score.serving);
    squares += difference * difference;
  }
  score.standard_error = std::sqrt(squares / (count - 1) / count);
  return score;
}

}  // namespace mixmatch
