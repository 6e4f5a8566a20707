// Field by field, in the order of the proto.
#include "core/base/validate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

bool AllFinite(const auto& values) {
  return std::all_of(values.begin(), values.end(), [](auto v) { return std::isfinite(v); });
}

// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(const std::string& s) {
  for (size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i]);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xC2 ? 0
                          : lead < 0xE0 ? 2
                          : lead < 0xF0 ? 3
                          : lead < 0xF5 ? 4
                                        : 0;
    if (length == 0 || i + length > s.size()) return false;
    uint32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<unsigned char>(s[i + j]);
      if ((next & 0xC0) != 0x80) return false;
      code = (code << 6) | (next & 0x3Fu);
    }
    if (length == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF))) return false;
    if (length == 4 && (code < 0x10000 || code > 0x10FFFF)) return false;
    i += length;
  }
  return true;
}

absl::Status CheckName(const char* field, const std::string& name, size_t bytes_max) {
  if (name.size() > bytes_max) {
    return InvalidField(
        field, absl::StrCat(field, " refused: ", name.size(), " bytes; send at most ", bytes_max));
  }
  if (!IsUtf8(name)) {
    return InvalidField(field, absl::StrCat(field, " refused: not UTF-8; encode it"));
  }
  return absl::OkStatus();
}

absl::Status CheckModalityName(const std::string& name) {
  if (name.size() > 64) {
    return InvalidField("modality", absl::StrCat("modality refused: ", name.size(),
                                                 " characters; send at most 64"));
  }
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
  if (!plain) {
    return InvalidField("modality",
                        "modality refused: a character outside [a-z0-9_.-]; rename the modality");
  }
  return absl::OkStatus();
}

struct PayloadCheck {
  const EventLimits& limits;

  absl::Status Bytes(const char* field, size_t size) const {
    if (size == 0) {
      return InvalidField(field, "payload refused: empty; send the bytes");
    }
    if (size > limits.payload_bytes_max) {
      return InvalidField(field, absl::StrCat("payload refused: ", size, " bytes; send at most ",
                                              limits.payload_bytes_max));
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const std::monostate&) const {
    return InvalidField("payload",
                        "percept refused: no known payload; set one of text, audio, image, "
                        "series, vector");
  }
  absl::Status operator()(const TextPayload& p) const {
    if (p.text.empty()) {
      return InvalidField("text.text", "text refused: empty; send at least one character");
    }
    if (p.text.size() > limits.text_bytes_max) {
      return InvalidField("text.text",
                          absl::StrCat("text refused: ", p.text.size(), " bytes; send at most ",
                                       limits.text_bytes_max));
    }
    if (!IsUtf8(p.text)) {
      return InvalidField("text.text", "text refused: not UTF-8; encode it");
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const AudioPayload& p) const {
    return Bytes("audio.data", p.data.size());
  }
  absl::Status operator()(const ImagePayload& p) const {
    return Bytes("image.data", p.data.size());
  }
  absl::Status operator()(const VideoPayload&) const {
    return InvalidField("video", "video refused: not supported yet; send its pictures and sound");
  }
  absl::Status operator()(const SeriesPayload& p) const {
    const size_t channels = std::max<uint32_t>(1, p.channel_count);
    if (channels > limits.series_channels_max) {
      return InvalidField("series.channel_count",
                          absl::StrCat("series refused: ", channels, " channels; send at most ",
                                       limits.series_channels_max));
    }
    const size_t samples = p.values.size() / channels;
    if (p.values.size() % channels != 0 || samples < 2 || samples > limits.series_samples_max) {
      return InvalidField(
          "series.values",
          absl::StrCat("series refused: ", p.values.size(), " numbers for ", channels,
                       " channels; send 2 to ", limits.series_samples_max, " whole samples"));
    }
    if (!AllFinite(p.values)) {
      return InvalidField("series.values",
                          "series refused: a number is not finite; leave such samples out");
    }
    return CheckSampling(p, samples);
  }
  absl::Status operator()(const VectorPayload& p) const {
    if (p.values.empty() || p.values.size() > limits.vector_dimensions_max) {
      return InvalidField("vector.values",
                          absl::StrCat("vector refused: ", p.values.size(),
                                       " dimensions; send 1 to ", limits.vector_dimensions_max));
    }
    if (!AllFinite(p.values)) {
      return InvalidField("vector.values",
                          "vector refused: a number is not finite; send finite numbers");
    }
    return absl::OkStatus();
  }

  static absl::Status CheckSampling(const SeriesPayload& p, size_t samples) {
    if (p.times_s.empty()) {
      if (!(p.rate_hz > 0) || !std::isfinite(p.rate_hz)) {
        return InvalidField("series.rate_hz",
                            "series refused: no sampling; send rate_hz above 0, or times_s");
      }
      return absl::OkStatus();
    }
    if (p.times_s.size() != samples) {
      return InvalidField("series.times_s",
                          absl::StrCat("series refused: ", p.times_s.size(), " times for ", samples,
                                       " samples; send one for each"));
    }
    const bool rising =
        std::adjacent_find(p.times_s.begin(), p.times_s.end(),
                           [](double a, double b) { return !(a < b); }) == p.times_s.end();
    if (!AllFinite(p.times_s) || !rising) {
      return InvalidField(
          "series.times_s",
          "series refused: times are not finite and strictly increasing; sort them");
    }
    return absl::OkStatus();
  }
};

absl::Status CheckMetadata(const EventLimits& limits, const Event& event) {
  if (event.metadata.size() > limits.metadata_entries_max) {
    return InvalidField("metadata",
                        absl::StrCat("metadata refused: ", event.metadata.size(),
                                     " entries; send at most ", limits.metadata_entries_max));
  }
  size_t bytes = 0;
  for (const auto& [key, value] : event.metadata) {
    bytes += key.size() + value.size();
    if (key.empty()) {
      return InvalidField("metadata", "metadata refused: an empty key; name every entry");
    }
    if (key.find('\0') != std::string::npos || value.find('\0') != std::string::npos ||
        !IsUtf8(key) || !IsUtf8(value)) {
      return InvalidField("metadata", "metadata refused: not text; send UTF-8 without NUL");
    }
  }
  if (bytes > limits.metadata_bytes_max) {
    return InvalidField("metadata",
                        absl::StrCat("metadata refused: ", bytes, " bytes; send at most ",
                                     limits.metadata_bytes_max));
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const EventLimits& limits, absl::Time now, const Event& event) {
  if (event.time == absl::InfinitePast()) {
    return InvalidField("time", "time refused: absent; send when the event happened");
  }
  if (event.time < absl::FromCivil(absl::CivilDay(1900, 1, 1), absl::UTCTimeZone())) {
    return InvalidField("time", absl::StrCat("time refused: ", absl::FormatTime(event.time),
                                             " is before 1900-01-01; check the clock"));
  }
  if (event.time > now + limits.ahead_max) {
    return InvalidField("time",
                        absl::StrCat("time refused: ", absl::FormatDuration(event.time - now),
                                     " ahead of the daemon's clock; at most ",
                                     absl::FormatDuration(limits.ahead_max)));
  }
  if (event.duration < absl::ZeroDuration() || event.duration > limits.duration_max) {
    return InvalidField("duration",
                        absl::StrCat("duration refused: ", absl::FormatDuration(event.duration),
                                     "; send 0 to ", absl::FormatDuration(limits.duration_max)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidatePercept(const EventLimits& limits, Percept& percept) {
  MM_RETURN_IF_ERROR(std::visit(PayloadCheck{limits}, percept.payload));
  if (percept.modality.empty()) percept.modality = PayloadKindName(KindOf(percept.payload));
  return CheckModalityName(percept.modality);
}

absl::Status ValidateEvent(const EventLimits& limits, absl::Time now, Event& event) {
  if (event.event_id.empty()) {
    return InvalidField("event_id", "event_id refused: empty; give every event an id");
  }
  MM_RETURN_IF_ERROR(CheckName("event_id", event.event_id, limits.name_bytes_max));
  MM_RETURN_IF_ERROR(CheckTimes(limits, now, event));
  MM_RETURN_IF_ERROR(CheckName("source", event.source, limits.name_bytes_max));
  MM_RETURN_IF_ERROR(CheckName("scene", event.scene, limits.name_bytes_max));
  if (event.position && !(std::isfinite(event.position->x) && std::isfinite(event.position->y) &&
                          std::isfinite(event.position->z))) {
    return InvalidField("position", "position refused: not finite; leave it out if unknown");
  }
  if (event.percepts.empty()) {
    return InvalidField("percepts", "event refused: no percept; send at least one");
  }
  const size_t percepts_max = std::min<size_t>(limits.percepts_max, 254);
  if (event.percepts.size() > percepts_max) {
    return InvalidField("percepts", absl::StrCat("event refused: ", event.percepts.size(),
                                                 " percepts; send at most ", percepts_max));
  }
  for (size_t i = 0; i < event.percepts.size(); ++i) {
    const absl::Status status = ValidatePercept(limits, event.percepts[i]);
    if (!status.ok()) return PrefixField(status, absl::StrCat("percepts[", i, "]"));
  }
  return CheckMetadata(limits, event);
}

}  // namespace mixmatch
