// Names and identities.
#include "core/skills/skill.h"

#include <algorithm>

#include "core/base/hash.h"

namespace mixmatch {

bool SkillSpec::LooksAt(const std::string& modality) const {
  return modalities.empty() ||
         std::find(modalities.begin(), modalities.end(), modality) != modalities.end();
}

ExampleId FreshExampleId(const std::vector<FreshPercept>& percepts) {
  ExampleId sum = 0;  // in any order
  for (const FreshPercept& fresh : percepts) {
    sum += StableMix64(fresh.features.content.high, fresh.features.content.low);
  }
  return sum | kFreshExample;
}

}  // namespace mixmatch
