// Picture files and bare pixels → Pixels.
//
// Takes what a client sent; gives pixels to core/senses.
#pragma once

#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/media/sense_limits.h"
#include "core/senses/image_front_end.h"

namespace mixmatch {

// Decodes PNG, JPEG (either named by the media type or detected) or "image/raw". Transparent
// pictures are laid over white: they are drawn for pages, dark on nothing, and black would swallow
// them. Deeper colours become 8 bits; the turn that a camera notes in its file is made. Colour
// profiles and animation are ignored.
//
// INVALID_ARGUMENT, naming image.data, image.media_type, image.width_px, image.height_px or
// image.channel_count: unknown format, damaged or cut off, no pixels, more than image_pixels_max.
// Thread-safe.
absl::StatusOr<Pixels> DecodeImage(const ImagePayload& image, const SenseLimits& limits);

}  // namespace mixmatch
