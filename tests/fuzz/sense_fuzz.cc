// Every sense: decoders and front ends over percepts that validation let through. The first byte
// says which kind; a file follows as it is, so that seeds are the files themselves.
#include "core/base/validate.h"
#include "core/media/sense.h"
#include "tests/fuzz/percepts.h"

namespace mixmatch::fuzz {
namespace {

Payload Take(Input& input) {
  const auto kind = input.Take<uint8_t>();
  switch (kind) {
    case 'a':
      return AudioPayload{.data = input.TakeRest()};
    case 'i':
      return ImagePayload{.data = input.TakeRest()};
    case 't':
      return TextPayload{.text = input.TakeRest()};
    default:
      return TakePayload(input, kind % 5);
  }
}

}  // namespace
}  // namespace mixmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mixmatch::fuzz::Input input(data, size);
  mixmatch::Percept percept;
  percept.payload = mixmatch::fuzz::Take(input);
  if (!mixmatch::ValidatePercept({}, percept).ok()) return 0;
  const mixmatch::SenseLimits limits{.image_pixels_max = 1 << 18, .audio_seconds_max = 2};
  const auto features = mixmatch::Perceive(percept, limits);
  if (features.ok()) {
    mixmatch::fuzz::Require(!features->bytes.empty() && !features->shape.empty());
  } else {
    mixmatch::fuzz::Require(absl::IsInvalidArgument(features.status()));
  }
  return 0;
}
