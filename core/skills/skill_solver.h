// One skill from its lessons to its solutions: one for each space that may be asked.
//
// Takes changes of lessons and an ExampleSource; gives immutable solutions. Solutions are a
// function of the lessons and of the space alone, once settled. Knows no threads and no storage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/generations/generations.h"
#include "core/skills/example_source.h"
#include "core/skills/map_choice.h"
#include "core/skills/skill.h"
#include "core/skills/skill_sums.h"

namespace mixmatch {

// A lesson that came, went, or took another's place.
struct LessonChange {
  ExampleId example = 0;
  std::optional<Lesson> before;
  std::optional<Lesson> after;
};

// A skill, ready to be asked. Immutable.
struct SkillSolution {
  std::shared_ptr<const SolvedSkill> solved;
  std::shared_ptr<const FeatureMap> map;
  std::vector<std::string> labels;  // by output
  Generation generation = 0;        // of the space; 0 for a front end
  uint64_t examples = 0;
  uint64_t unreadable = 0;        // lessons whose examples could not be read
  uint64_t version = 0;           // of the lessons, within one solver
  std::vector<MapQuality> tried;  // when the map was chosen last
  bool settled = false;           // chosen from exactly these examples
};

// Thread-safety: Not thread-safe: one owner thread.
class SkillSolver {
 public:
  // Borrows the source, which must outlive it.
  SkillSolver(SkillSpec spec, ExampleSource* source);

  const SkillSpec& spec() const { return spec_; }
  const std::map<ExampleId, Lesson>& lessons() const { return lessons_; }

  // Takes in changes. An example that cannot be read is counted and left out.
  void Apply(std::span<const LessonChange> changes);

  // Solves the skill in `space`. Unless `settle`, map, ridge and calibration are those of the
  // solution before, where there is one; otherwise a chosen map is the embedding for now.
  // FAILED_PRECONDITION while nothing was taught.
  absl::StatusOr<std::shared_ptr<const SkillSolution>> Solve(
      const std::shared_ptr<const Space>& space, bool settle);

  // Frees what belongs to other spaces than these.
  void KeepOnly(std::span<const Generation> generations);

 private:
  // Sums over one map in one space.
  struct Bench {
    std::shared_ptr<const Space> space;
    std::shared_ptr<const FeatureMap> map;
    std::unique_ptr<SkillSums> sums;  // null: to be made anew
    uint64_t unreadable = 0;
  };
  // A front end has one bench, whatever the space: under generation 0.
  using BenchKey = std::pair<FeatureMapKind, Generation>;

  static BenchKey KeyOf(FeatureMapKind kind, Generation generation);
  std::shared_ptr<const FeatureMap> MapOf(FeatureMapKind kind, const Space& space);
  absl::StatusOr<FeatureMapKind> Choose(const Space& space, std::vector<MapQuality>& tried);
  // One map as judged, with what it says of each example.
  struct JudgedMap {
    MapQuality quality;
    std::vector<double> each;
  };
  absl::StatusOr<std::optional<JudgedMap>> Judge(FeatureMapKind kind, const Space& space,
                                                 std::span<const ExampleId> examples);
  // A settled solution by the front end of exactly these lessons, made for another space; null
  // where there is none.
  std::shared_ptr<const SkillSolution> SameElsewhere(FeatureMapKind kind) const;
  absl::Status Add(Bench& bench, std::span<const LessonChange> changes);
  void Remove(Bench& bench, std::span<const LessonChange> changes);
  absl::Status Make(Bench& bench);

  const SkillSpec spec_;
  ExampleSource* const source_;
  std::map<ExampleId, Lesson> lessons_;
  uint64_t version_ = 0;  // rises with every change
  // What the front end reached with this version of the lessons: it does not depend on the space.
  std::optional<std::pair<uint64_t, JudgedMap>> front_end_judged_;
  std::map<BenchKey, Bench> benches_;
  std::map<Generation, FeatureMapKind> chosen_;
  std::map<Generation, std::shared_ptr<const SkillSolution>> solutions_;
};

}  // namespace mixmatch
