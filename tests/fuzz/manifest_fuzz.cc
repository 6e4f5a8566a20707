// Lines of a manifest, with and without the files that they name.
#include "clients/manifest/manifest.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto key = mixmatch::client::EventKeyFromLine(line);
  const auto event = mixmatch::client::EventFromLine(line, "/nowhere");
  if (event.ok()) {
    mixmatch::fuzz::Require(key.ok() && key->event_id() == event->event_id() &&
                            key->source() == event->source());
  } else {
    mixmatch::fuzz::Require(!event.status().message().empty());
  }
  return 0;
}
