// A checked copy.
#include "core/senses/vector_front_end.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"

namespace mixmatch {

absl::StatusOr<Features> VectorFeatures(const VectorPayload& vector) {
  const bool finite = std::all_of(vector.values.begin(), vector.values.end(),
                                  [](float v) { return std::isfinite(v); });
  if (vector.values.empty() || !finite) {
    return InvalidField(
        "vector.values",
        "vector refused: no numbers, or one that is not finite; send finite numbers");
  }
  Features features{.kind = PayloadKind::kVector, .content = {}, .shape = {}, .bytes = {}};
  features.shape = {static_cast<uint32_t>(vector.values.size())};
  features.SetValues<float>(vector.values);
  return features;
}

}  // namespace mixmatch
