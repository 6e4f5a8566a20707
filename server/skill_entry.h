// One skill inside the keeper: its lessons, what waits to be solved, and what is solved.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/skills/skill.h"
#include "core/skills/skill_solver.h"

namespace mixmatch {

// Thread-safety: as each member says.
struct SkillEntry {
  SkillEntry(const SkillSpec& s, ExampleSource* source) : spec(s), solver(s, source) {}

  // How far a space's solution is.
  struct Solved {
    uint64_t version = 0;
    bool settled = false;
    std::shared_ptr<const SkillSolution> solution;  // null where it could not be solved
    absl::Status failure;                           // why not
  };

  const SkillSpec spec;
  absl::Mutex mu;
  std::map<ExampleId, Lesson> lessons ABSL_GUARDED_BY(mu);
  std::map<std::string, uint64_t> label_counts ABSL_GUARDED_BY(mu);
  std::vector<LessonChange> pending ABSL_GUARDED_BY(mu);
  uint64_t version ABSL_GUARDED_BY(mu) = 1;                       // of the lessons
  absl::Time changed ABSL_GUARDED_BY(mu) = absl::InfinitePast();  // by SteadyNow()
  bool deleted ABSL_GUARDED_BY(mu) = false;
  std::map<Generation, Solved> solved ABSL_GUARDED_BY(mu);

  SkillSolver solver;  // of the thread alone

  void Note(const LessonChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    if (change.before) {
      for (const std::string& label : change.before->labels) {
        if (--label_counts[label] == 0) label_counts.erase(label);
      }
    }
    if (change.after) {
      for (const std::string& label : change.after->labels) ++label_counts[label];
      lessons[change.example] = *change.after;
    } else {
      lessons.erase(change.example);
    }
    pending.push_back(change);
  }
};

}  // namespace mixmatch
