// Counts how often a skill is right.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "core/skills/skill_solver.h"
#include "mixmatch/v1/skills.pb.h"

namespace mixmatch {

// Thread-safety: Not thread-safe: one owner thread. Borrows both, which must outlive it.
class SkillTally {
 public:
  SkillTally(const SkillSpec& spec, const SkillSolution& solution)
      : spec_(spec), solution_(solution) {}

  // An example's row [D] and what it is.
  void Count(const Lesson& truth, std::span<const float> row);

  // The counts, into the response.
  void Fill(v1::EvaluateResponse& response) const;

 private:
  const SkillSpec& spec_;
  const SkillSolution& solution_;
  uint64_t count_ = 0;
  uint64_t right_ = 0;
  uint64_t unknown_ = 0;
  double confidence_ = 0;
  double squared_error_ = 0;
  std::map<std::pair<std::string, std::string>, uint64_t> confusions_;
};

}  // namespace mixmatch
