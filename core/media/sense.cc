// One overload per payload kind.
#include "core/media/sense.h"

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/media/decode_audio.h"
#include "core/media/decode_image.h"
#include "core/senses/audio_front_end.h"
#include "core/senses/image_front_end.h"
#include "core/senses/series_front_end.h"
#include "core/senses/text_front_end.h"
#include "core/senses/vector_front_end.h"

namespace mixmatch {
namespace {

struct FrontEnd {
  const SenseLimits& limits;

  absl::StatusOr<Features> operator()(const std::monostate&) const {
    return InvalidField("payload",
                        "percept refused: no known payload; set one of text, audio, image, "
                        "series, vector");
  }
  absl::StatusOr<Features> operator()(const TextPayload& p) const { return TextFeatures(p.text); }
  absl::StatusOr<Features> operator()(const AudioPayload& p) const {
    MM_ASSIGN_OR_RETURN(const Waveform waveform, DecodeAudio(p, limits));
    return AudioFeatures(waveform);
  }
  absl::StatusOr<Features> operator()(const ImagePayload& p) const {
    MM_ASSIGN_OR_RETURN(const Pixels pixels, DecodeImage(p, limits));
    return ImageFeatures(pixels);
  }
  absl::StatusOr<Features> operator()(const VideoPayload&) const {
    return InvalidField("video", "video refused: not supported yet; send its pictures and sound");
  }
  absl::StatusOr<Features> operator()(const SeriesPayload& p) const { return SeriesFeatures(p); }
  absl::StatusOr<Features> operator()(const VectorPayload& p) const { return VectorFeatures(p); }
};

}  // namespace

absl::StatusOr<Features> Perceive(const Percept& percept, const SenseLimits& limits) {
  MM_ASSIGN_OR_RETURN(Features features, std::visit(FrontEnd{limits}, percept.payload));
  features.content = HashPercept(percept);
  return features;
}

}  // namespace mixmatch
