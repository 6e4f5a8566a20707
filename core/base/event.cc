// Kinds and shapes of payloads.
#include "core/base/event.h"

#include <algorithm>

namespace mixmatch {

PayloadKind KindOf(const Payload& payload) {
  // The order of the variant is the order of the enum, so the index is the kind.
  return static_cast<PayloadKind>(payload.index());
}

ModalitySpec SpecOf(const Percept& percept) {
  ModalitySpec spec{.name = percept.modality, .kind = KindOf(percept.payload), .dimension = 0};
  if (const auto* series = std::get_if<SeriesPayload>(&percept.payload)) {
    spec.dimension = std::max<uint32_t>(1, series->channel_count);
  } else if (const auto* vector = std::get_if<VectorPayload>(&percept.payload)) {
    spec.dimension = static_cast<uint32_t>(vector->values.size());
  }
  return spec;
}

}  // namespace mixmatch
