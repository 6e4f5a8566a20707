// Numbers over time → [128, C] evenly spaced samples: the fixed front end of series.
//
// Takes the samples of an event; gives features to storage and core/encoder. Does not scale: units
// differ between modalities, and their stems learn them.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/senses/features.h"

namespace mixmatch {

// Samples of a series' features.
inline constexpr uint32_t kSeriesSamples = 128;

// Resamples a series to kSeriesSamples moments evenly spaced from its first to its last sample,
// both included. Up to kSeriesSamples samples: the value of the straight line between neighbours.
// More: the mean of that line over one step around each moment, so that fast changes average out
// instead of aliasing.
//
// `content` is left for the caller. INVALID_ARGUMENT, naming series.values or series.times_s, when
// there are fewer than two whole samples, a number is not finite, or times do not rise.
// O(T * C). Thread-safe.
absl::StatusOr<Features> SeriesFeatures(const SeriesPayload& series);

}  // namespace mixmatch
