// An event and its percepts as a client sent them, free of any API or storage format.
//
// Takes nothing; gives its types to every other folder. Does not validate: core/base/validate.h
// does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/base/payload_kind.h"

namespace mixmatch {

struct TextPayload {
  std::string text;  // UTF-8
};

// Sound: a file, or bare interleaved samples ("audio/l16", "audio/f32").
struct AudioPayload {
  std::string data;
  std::string media_type;       // empty: detect
  uint32_t sample_rate_hz = 0;  // bare samples only
  uint32_t channel_count = 0;   // bare samples only; 0 means 1
};

// A still picture: a file, or bare 8-bit pixels ("image/raw").
struct ImagePayload {
  std::string data;
  std::string media_type;  // empty: detect
  uint32_t width_px = 0;   // bare pixels only
  uint32_t height_px = 0;
  uint32_t channel_count = 0;  // 1 or 3
};

struct VideoPayload {
  std::string data;
  std::string media_type;
};

// T samples of C channels, time-major.
struct SeriesPayload {
  std::vector<float> values;    // [T, C]
  uint32_t channel_count = 0;   // 0 means 1
  double rate_hz = 0;           // regular sampling, or
  std::vector<double> times_s;  // [T] irregular sampling, strictly increasing
};

struct VectorPayload {
  std::vector<float> values;  // [D]
};

using Payload = std::variant<std::monostate, TextPayload, AudioPayload, ImagePayload, VideoPayload,
                             SeriesPayload, VectorPayload>;

struct Percept {
  std::string modality;  // never empty after validation
  Payload payload;
  bool dropped = false;  // retention took the payload, which is empty; its features stay
};

// The kind of a payload. Requires that a payload is set.
PayloadKind KindOf(const Payload& payload);

struct Position {
  double x = 0;
  double y = 0;
  double z = 0;
};

struct Event {
  std::string event_id;
  absl::Time time;
  absl::Duration duration;
  std::string source;
  std::string scene;
  std::optional<Position> position;
  std::vector<Percept> percepts;
  std::map<std::string, std::string> metadata;
};

// What a modality is: fixed by its first percept.
struct ModalitySpec {
  std::string name;
  PayloadKind kind = PayloadKind::kText;
  // Channels of a series, dimensions of a vector; 0 otherwise.
  uint32_t dimension = 0;

  friend bool operator==(const ModalitySpec&, const ModalitySpec&) = default;
};

// The modality that a percept claims to be of: its name, payload kind and shape.
ModalitySpec SpecOf(const Percept& percept);

}  // namespace mixmatch
