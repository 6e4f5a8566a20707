// Percept → features: decoding and the front end of its kind, in one call.
//
// Takes percepts that core/base/validate.h has let through (and refuses others); gives features,
// with the hash of their content, to whoever stores or embeds them. The one entry to this folder.
#pragma once

#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/media/sense_limits.h"
#include "core/senses/features.h"

namespace mixmatch {

// Makes the features of a percept. The same percept always gives the same features on one machine.
//
// INVALID_ARGUMENT, naming the field inside the percept ("image.data", "audio.media_type"), when
// the content is broken, cut off, of an unsupported format, over a limit, or not finite; INTERNAL
// when a decoder cannot be had. Reads no file and no network, whatever the content says. Computes
// on the calling thread alone. Thread-safe.
absl::StatusOr<Features> Perceive(const Percept& percept, const SenseLimits& limits);

}  // namespace mixmatch
