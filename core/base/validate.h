// Whether an event may enter: everything that can be told without decoding a payload.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/event.h"

namespace mixmatch {

// Limits on what is accepted; all inclusive.
struct EventLimits {
  size_t name_bytes_max = 256;  // event_id, source, scene
  size_t percepts_max = 32;     // at most kPerceptsPerEventMax
  size_t text_bytes_max = 64 << 10;
  size_t payload_bytes_max = 8 << 20;  // of one audio or image payload
  size_t metadata_entries_max = 64;
  size_t metadata_bytes_max = 64 << 10;
  size_t series_samples_max = 65536;
  uint32_t series_channels_max = 256;
  size_t vector_dimensions_max = 4096;
  absl::Duration duration_max = absl::Hours(24);
  absl::Duration ahead_max = absl::Hours(24);  // of the daemon's clock
};

// Checks an event and fills in the default modality names. `now` is the daemon's clock. Returns
// INVALID_ARGUMENT that names the field; the event is unchanged but for modality names.
absl::Status ValidateEvent(const EventLimits& limits, absl::Time now, Event& event);

// Checks one percept (of a query, say) in the same way. The field names start inside the percept.
absl::Status ValidatePercept(const EventLimits& limits, Percept& percept);

}  // namespace mixmatch
