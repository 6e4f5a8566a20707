// What skills need of storage: their examples as rows of numbers.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/generations/generations.h"
#include "core/skills/feature_map.h"
#include "core/skills/skill.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class ExampleSource {
 public:
  virtual ~ExampleSource() = default;

  // The fixed features that this skill can see its examples by; null when there are none for what
  // it looks at, or not enough is stored to make them of.
  virtual std::shared_ptr<const FeatureMap> FrontEnd(const SkillSpec& spec) = 0;

  // Rows of examples by `map`: out [n, D]. `space` is the space of the maps that see points of it.
  // `readable` says of each whether its row was filled; one that is not is damaged, gone, or has no
  // percept that the skill looks at. An error is of the whole.
  virtual absl::Status Rows(const SkillSpec& spec, std::span<const ExampleId> examples,
                            const FeatureMap& map, const Space& space, std::span<float> out,
                            std::vector<bool>& readable) const = 0;

  // The same examples as points out [n, E] that an encoder makes of them, whatever is stored.
  virtual absl::Status Points(const SkillSpec& spec, std::span<const ExampleId> examples,
                              const Encoder& encoder, std::span<float> out,
                              std::vector<bool>& readable) const = 0;
};

}  // namespace mixmatch
