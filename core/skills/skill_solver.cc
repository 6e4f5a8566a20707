// Changes go into every bench; a bench that cannot take one is made anew.
#include "core/skills/skill_solver.h"

#include <algorithm>
#include <cmath>

#include "core/base/hash.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr size_t kRows = 256;               // examples read at once
constexpr size_t kSampleMax = 5000;         // examples that are kept by themselves
constexpr size_t kSampleNumbers = 1 << 23;  // and all their numbers together
constexpr size_t kChoiceMax = 2000;         // examples that a map is chosen by
constexpr size_t kChoiceMin = 50;           // with fewer, it is the embedding
constexpr size_t kFrontEndMin = 200;        // with fewer, a front end is not tried
constexpr uint64_t kChoiceSeed = 0x63686f696365;

SolveSettings SettingsFor(size_t dimension) {
  SolveSettings settings;
  // Each ridge costs a factor of a large matrix.
  if (dimension > 2048) settings.ridges = {0.1, 0.01, 1e-3, 1e-4};
  return settings;
}

// Whether what a map says of each example is worse than what another says, by more than one
// standard error of the paired difference.
bool IsSeenToBeWorse(const std::vector<double>& each, const std::vector<double>& other) {
  if (each.size() != other.size() || each.empty()) return true;  // other examples: not comparable
  const auto count = static_cast<double>(each.size());
  double sum = 0;
  double squares = 0;
  for (size_t i = 0; i < each.size(); ++i) {
    sum += other[i] - each[i];
    squares += (other[i] - each[i]) * (other[i] - each[i]);
  }
  const double mean = sum / count;
  const double error = std::sqrt(std::max(0.0, squares / count - mean * mean) / count);
  return mean > error;
}

}  // namespace

SkillSolver::SkillSolver(SkillSpec spec, ExampleSource* source)
    : spec_(std::move(spec)), source_(source) {}

SkillSolver::BenchKey SkillSolver::KeyOf(FeatureMapKind kind, Generation generation) {
  return {kind, kind == FeatureMapKind::kFrontEnd ? 0 : generation};
}

std::shared_ptr<const FeatureMap> SkillSolver::MapOf(FeatureMapKind kind, const Space& space) {
  const auto embedding = static_cast<size_t>(space.embeddings->dimension());
  switch (kind) {
    case FeatureMapKind::kRandom:
      return MakeRandomMap(embedding);
    case FeatureMapKind::kFrontEnd:
      return source_->FrontEnd(spec_);
    case FeatureMapKind::kChosen:
    case FeatureMapKind::kEmbedding:
      break;
  }
  return MakeEmbeddingMap(embedding);
}

void SkillSolver::Apply(std::span<const LessonChange> changes) {
  ++version_;
  for (const LessonChange& change : changes) {
    if (change.after) {
      lessons_[change.example] = *change.after;
    } else {
      lessons_.erase(change.example);
    }
  }
  for (auto& [key, bench] : benches_) {
    if (bench.sums == nullptr) continue;
    Remove(bench, changes);
    if (bench.sums != nullptr && !Add(bench, changes).ok()) bench.sums.reset();
  }
}

void SkillSolver::Remove(Bench& bench, std::span<const LessonChange> changes) {
  std::vector<float> row(bench.map->dimension());
  for (const LessonChange& change : changes) {
    if (!change.before) continue;
    std::vector<bool> readable;
    const absl::Status read =
        source_->Rows(spec_, {&change.example, 1}, *bench.map, *bench.space, row, readable);
    if (!read.ok() || !readable[0]) {
      bench.sums.reset();
      return;
    }
    bench.sums->Remove(change.example, *change.before, row);
  }
  if (bench.sums->short_of_one()) bench.sums.reset();
}

absl::Status SkillSolver::Add(Bench& bench, std::span<const LessonChange> changes) {
  const size_t d = bench.map->dimension();
  std::vector<ExampleId> examples;
  std::vector<float> rows;
  for (size_t at = 0; at < changes.size();) {
    examples.clear();
    std::vector<Lesson> lessons;
    for (; at < changes.size() && examples.size() < kRows; ++at) {
      if (!changes[at].after) continue;
      examples.push_back(changes[at].example);
      lessons.push_back(*changes[at].after);
    }
    rows.resize(examples.size() * d);
    std::vector<bool> readable;
    MM_RETURN_IF_ERROR(source_->Rows(spec_, examples, *bench.map, *bench.space, rows, readable));
    size_t kept = 0;
    for (size_t i = 0; i < examples.size(); ++i) {
      if (!readable[i]) {
        ++bench.unreadable;
        continue;
      }
      if (kept != i) {
        examples[kept] = examples[i];
        lessons[kept] = std::move(lessons[i]);
        std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i * d), d,
                    rows.begin() + static_cast<std::ptrdiff_t>(kept * d));
      }
      ++kept;
    }
    bench.sums->Add(std::span(examples).first(kept), std::span(lessons).first(kept),
                    std::span(rows).first(kept * d));
  }
  return absl::OkStatus();
}

absl::Status SkillSolver::Make(Bench& bench) {
  const size_t d = bench.map->dimension();
  bench.sums = std::make_unique<SkillSums>(spec_.kind, d, std::min(kSampleMax, kSampleNumbers / d));
  bench.unreadable = 0;
  std::vector<LessonChange> changes;
  for (const auto& [example, lesson] : lessons_) {
    changes.push_back({.example = example, .before = {}, .after = lesson});
  }
  absl::Status added = Add(bench, changes);
  if (!added.ok()) bench.sums.reset();
  return added;
}

absl::StatusOr<FeatureMapKind> SkillSolver::Choose(const Space& space,
                                                   std::vector<MapQuality>& tried) {
  if (spec_.map != FeatureMapKind::kChosen) return spec_.map;
  if (spec_.kind == SkillKind::kAnomaly || lessons_.size() < kChoiceMin) {
    return FeatureMapKind::kEmbedding;
  }
  // Those with the smallest hashes: whatever the order of teaching.
  std::vector<std::pair<uint64_t, ExampleId>> drawn;
  for (const auto& [example, lesson] : lessons_) {
    drawn.emplace_back(StableMix64(kChoiceSeed, example), example);
  }
  const size_t wanted = std::min(kChoiceMax, drawn.size());
  std::partial_sort(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(wanted),
                    drawn.end());
  std::vector<ExampleId> examples;
  for (size_t i = 0; i < wanted; ++i) examples.push_back(drawn[i].second);

  JudgedMap best;
  std::optional<JudgedMap> front_end;
  for (const FeatureMapKind kind :
       {FeatureMapKind::kEmbedding, FeatureMapKind::kRandom, FeatureMapKind::kFrontEnd}) {
    if (kind == FeatureMapKind::kFrontEnd && lessons_.size() < kFrontEndMin) continue;
    MM_ASSIGN_OR_RETURN(const std::optional<JudgedMap> judged, Judge(kind, space, examples));
    if (!judged) continue;
    tried.push_back(judged->quality);
    if (kind == FeatureMapKind::kFrontEnd) front_end = judged;
    if (best.each.empty() || judged->quality.left_out > best.quality.left_out) best = *judged;
  }
  // A front end is the same in every generation and was fitted to no example, so it is chosen where
  // it is not seen to be worse.
  if (front_end && !IsSeenToBeWorse(front_end->each, best.each)) return FeatureMapKind::kFrontEnd;
  return best.quality.map;
}

absl::StatusOr<std::optional<SkillSolver::JudgedMap>> SkillSolver::Judge(
    FeatureMapKind kind, const Space& space, std::span<const ExampleId> examples) {
  const bool front_end = kind == FeatureMapKind::kFrontEnd;
  if (front_end && front_end_judged_ && front_end_judged_->first == version_) {
    return front_end_judged_->second;
  }
  const std::shared_ptr<const FeatureMap> map = MapOf(kind, space);
  if (map == nullptr) return std::nullopt;
  const size_t d = map->dimension();
  std::vector<float> rows(examples.size() * d);
  std::vector<bool> readable;
  MM_RETURN_IF_ERROR(source_->Rows(spec_, examples, *map, space, rows, readable));
  std::vector<float> x;
  std::vector<Lesson> lessons;
  for (size_t i = 0; i < examples.size(); ++i) {
    if (!readable[i]) continue;
    const std::span<const float> row = std::span(rows).subspan(i * d, d);
    x.insert(x.end(), row.begin(), row.end());
    lessons.push_back(lessons_.at(examples[i]));
  }
  if (lessons.empty()) return std::nullopt;
  MM_ASSIGN_OR_RETURN(RowsJudged rows_judged,
                      JudgeRows(spec_.kind, lessons, x, d, SettingsFor(d).ridges));
  JudgedMap judged{.quality = {.map = kind,
                               .dimension = d,
                               .left_out = rows_judged.quality,
                               .examples = lessons.size()},
                   .each = std::move(rows_judged.each)};
  if (front_end) front_end_judged_ = {version_, judged};
  return judged;
}

std::shared_ptr<const SkillSolution> SkillSolver::SameElsewhere(FeatureMapKind kind) const {
  if (kind != FeatureMapKind::kFrontEnd) return nullptr;
  for (const auto& [generation, solution] : solutions_) {
    if (solution != nullptr && solution->settled && solution->version == version_ &&
        solution->map->kind() == kind) {
      return solution;
    }
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const SkillSolution>> SkillSolver::Solve(
    const std::shared_ptr<const Space>& space, bool settle) {
  if (lessons_.empty()) {
    solutions_.erase(space->number);
    return absl::FailedPreconditionError(
        "skill: nothing was taught yet; teach examples before asking");
  }
  std::shared_ptr<const SkillSolution>& before = solutions_[space->number];
  auto solution = std::make_shared<SkillSolution>();
  if (before != nullptr) solution->tried = before->tried;
  const auto known = chosen_.find(space->number);
  FeatureMapKind kind = known != chosen_.end()                 ? known->second
                        : spec_.map != FeatureMapKind::kChosen ? spec_.map
                                                               : FeatureMapKind::kEmbedding;
  if (settle) {
    solution->tried.clear();
    MM_ASSIGN_OR_RETURN(kind, Choose(*space, solution->tried));
  }
  Bench& bench = benches_[KeyOf(kind, space->number)];
  if (bench.map == nullptr) bench.map = MapOf(kind, *space);
  bench.space = space;  // a front end's bench outlives spaces, and must not keep one alive
  if (bench.map == nullptr) {
    benches_.erase(KeyOf(kind, space->number));
    return absl::FailedPreconditionError(
        "skill: no fixed features for what it looks at: it takes one modality of pictures or "
        "sounds, and 256 of them stored; choose another feature map");
  }
  chosen_[space->number] = kind;
  if (bench.sums == nullptr) MM_RETURN_IF_ERROR(Make(bench));
  if (const auto elsewhere = SameElsewhere(kind)) {
    solution->solved = elsewhere->solved;
  } else {
    const bool same = before != nullptr && before->map->kind() == kind;
    MM_ASSIGN_OR_RETURN(solution->solved,
                        bench.sums->Solve(SettingsFor(bench.map->dimension()),
                                          same && !settle ? before->solved.get() : nullptr));
  }
  solution->version = version_;
  solution->map = bench.map;
  solution->labels = bench.sums->labels();
  solution->generation = kind == FeatureMapKind::kFrontEnd ? 0 : space->number;
  solution->examples = static_cast<uint64_t>(std::llround(bench.sums->count()));
  solution->unreadable = bench.unreadable;
  solution->settled = settle;
  before = solution;
  if (settle) {
    // Of this space, other maps than the chosen one are of no use any more.
    std::erase_if(benches_, [&](const auto& entry) {
      return entry.first.second == space->number && entry.first != KeyOf(kind, space->number);
    });
  }
  return before;
}

void SkillSolver::KeepOnly(std::span<const Generation> generations) {
  const auto is_kept = [&](Generation generation) {
    return std::find(generations.begin(), generations.end(), generation) != generations.end();
  };
  std::erase_if(chosen_, [&](const auto& entry) { return !is_kept(entry.first); });
  std::erase_if(solutions_, [&](const auto& entry) { return !is_kept(entry.first); });
  std::erase_if(benches_, [&](const auto& entry) {
    const auto& [kind, generation] = entry.first;
    if (kind != FeatureMapKind::kFrontEnd) return !is_kept(generation);
    return std::none_of(chosen_.begin(), chosen_.end(), [](const auto& chosen) {
      return chosen.second == FeatureMapKind::kFrontEnd;
    });
  });
}

}  // namespace mixmatch
