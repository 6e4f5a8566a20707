// Validation of events: whatever comes, an error that names a field, or an event within its limits.
#include "core/base/validate.h"
#include "tests/fuzz/percepts.h"

namespace mixmatch::fuzz {
namespace {

Event TakeEvent(Input& input) {
  Event event;
  event.event_id = input.TakeText(300);
  event.source = input.TakeText(300);
  event.scene = input.TakeText(300);
  event.time = absl::FromUnixNanos(input.Take<int64_t>());
  event.duration = absl::Nanoseconds(input.Take<int64_t>());
  if (input.TakeBelow(2) == 1) {
    event.position = {input.Take<double>(), input.Take<double>(), input.Take<double>()};
  }
  for (uint32_t i = input.TakeBelow(5); i > 0; --i) {
    event.metadata[input.TakeText(64)] = input.TakeText(64);
  }
  for (uint32_t i = input.TakeBelow(5); i > 0; --i) {
    Percept& percept = event.percepts.emplace_back();
    percept.modality = input.TakeText(80);
    const uint32_t kind = input.TakeBelow(7);
    if (kind < 6) percept.payload = TakePayload(input, kind);
  }
  return event;
}

}  // namespace
}  // namespace mixmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mixmatch::fuzz::Input input(data, size);
  mixmatch::Event event = mixmatch::fuzz::TakeEvent(input);
  const mixmatch::EventLimits limits;
  const absl::Status status =
      mixmatch::ValidateEvent(limits, absl::FromUnixSeconds(1'700'000'000), event);
  if (!status.ok()) {
    mixmatch::fuzz::Require(absl::IsInvalidArgument(status) && !status.message().empty());
    return 0;
  }
  mixmatch::fuzz::Require(!event.event_id.empty() && !event.percepts.empty());
  for (const mixmatch::Percept& percept : event.percepts) {
    mixmatch::fuzz::Require(!percept.modality.empty());
    mixmatch::SpecOf(percept);
  }
  return 0;
}
