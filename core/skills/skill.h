// What a skill is and what it was taught: ground state, from which everything else is solved.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/event.h"
#include "core/base/ids.h"
#include "core/senses/features.h"
#include "core/skills/feature_map.h"
#include "core/skills/skill_sums.h"
#include "core/skills/solved_skill.h"

namespace mixmatch {

struct SkillSpec {
  uint64_t id = 0;
  std::string name;
  SkillKind kind = SkillKind::kLabel;
  std::vector<std::string> modalities;  // that it looks at; empty: all
  FeatureMapKind map = FeatureMapKind::kChosen;
  absl::Time create_time;

  bool LooksAt(const std::string& modality) const;
};

// A percept that was taught by itself, with what its front end made of it.
struct FreshPercept {
  Percept percept;
  Features features;
};

// Names an example: the sequence number of an event or, with the highest bit set, the content of
// fresh percepts.
using ExampleId = uint64_t;
inline constexpr ExampleId kFreshExample = uint64_t{1} << 63;
// Of fresh percepts: equal for equal ones in any order.
ExampleId FreshExampleId(const std::vector<FreshPercept>& percepts);

// One example and what it was taught to be.
struct Teaching {
  ExampleId example = 0;
  Lesson lesson;
  std::vector<FreshPercept> fresh;  // of an example that is no event
};

}  // namespace mixmatch
