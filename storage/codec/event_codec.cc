// Field by field, in the order of records.proto.
#include "storage/codec/event_codec.h"

#include <cstring>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch::codec {
namespace {

using storage::v1::EventRecord;
using storage::v1::PerceptPayload;
using storage::v1::PerceptRecord;

template <typename T>
std::string ToBytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

template <typename T>
absl::Status FromBytes(const std::string& bytes, std::vector<T>& values) {
  if (bytes.size() % sizeof(T) != 0) {
    return absl::DataLossError(absl::StrCat(bytes.size(), " bytes are no whole numbers"));
  }
  values.resize(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return absl::OkStatus();
}

// Writes one percept's payload: what is small and needed for the header, and the rest apart.
struct PayloadWriter {
  PerceptRecord& header;
  PerceptPayload& apart;

  void operator()(const std::monostate&) const {}
  void operator()(const TextPayload& p) const {
    if (p.text.size() <= kHeaderTextBytesMax) {
      header.set_text(p.text);
    } else {
      Apart(p.text);
    }
  }
  void operator()(const AudioPayload& p) const {
    header.set_media_type(p.media_type);
    header.set_sample_rate_hz(p.sample_rate_hz);
    header.set_channel_count(p.channel_count);
    Apart(p.data);
  }
  void operator()(const ImagePayload& p) const {
    header.set_media_type(p.media_type);
    header.set_width_px(p.width_px);
    header.set_height_px(p.height_px);
    header.set_channel_count(p.channel_count);
    Apart(p.data);
  }
  void operator()(const VideoPayload& p) const {
    header.set_media_type(p.media_type);
    Apart(p.data);
  }
  void operator()(const SeriesPayload& p) const {
    header.set_channel_count(p.channel_count);
    header.set_rate_hz(p.rate_hz);
    Apart(ToBytes(p.values));
    apart.set_times_s(ToBytes(p.times_s));
  }
  void operator()(const VectorPayload& p) const { Apart(ToBytes(p.values)); }

  void Apart(std::string data) const {
    header.set_apart(true);
    apart.set_data(std::move(data));
  }
};

// Reads what stays in the header.
absl::Status ReadHeader(const PerceptRecord& record, Payload& payload) {
  switch (static_cast<PayloadKind>(record.kind())) {
    case PayloadKind::kText:
      payload = TextPayload{.text = record.text()};
      return absl::OkStatus();
    case PayloadKind::kAudio:
      payload = AudioPayload{.data = {},
                             .media_type = record.media_type(),
                             .sample_rate_hz = record.sample_rate_hz(),
                             .channel_count = record.channel_count()};
      return absl::OkStatus();
    case PayloadKind::kImage:
      payload = ImagePayload{.data = {},
                             .media_type = record.media_type(),
                             .width_px = record.width_px(),
                             .height_px = record.height_px(),
                             .channel_count = record.channel_count()};
      return absl::OkStatus();
    case PayloadKind::kVideo:
      payload = VideoPayload{.data = {}, .media_type = record.media_type()};
      return absl::OkStatus();
    case PayloadKind::kSeries:
      payload = SeriesPayload{.values = {},
                              .channel_count = record.channel_count(),
                              .rate_hz = record.rate_hz(),
                              .times_s = {}};
      return absl::OkStatus();
    case PayloadKind::kVector:
      payload = VectorPayload{};
      return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("unknown payload kind ", record.kind()));
}

// Puts back what lies apart.
struct PayloadReader {
  const PerceptPayload& apart;

  absl::Status operator()(std::monostate&) const { return absl::OkStatus(); }
  absl::Status operator()(TextPayload& p) const { return Bytes(p.text); }
  absl::Status operator()(AudioPayload& p) const { return Bytes(p.data); }
  absl::Status operator()(ImagePayload& p) const { return Bytes(p.data); }
  absl::Status operator()(VideoPayload& p) const { return Bytes(p.data); }
  absl::Status operator()(SeriesPayload& p) const {
    MM_RETURN_IF_ERROR(FromBytes(apart.data(), p.values));
    return FromBytes(apart.times_s(), p.times_s);
  }
  absl::Status operator()(VectorPayload& p) const { return FromBytes(apart.data(), p.values); }

  absl::Status Bytes(std::string& bytes) const {
    bytes = apart.data();
    return absl::OkStatus();
  }
};

}  // namespace

bool EncodeEvent(const Event& event, EventRecord& header, storage::v1::PayloadRecord& payload) {
  header.set_event_id(event.event_id);
  header.set_time_ns(ToNanos(event.time));
  header.set_duration_ns(absl::ToInt64Nanoseconds(event.duration));
  header.set_source(event.source);
  header.set_scene(event.scene);
  if (event.position) {
    header.mutable_position()->set_x(event.position->x);
    header.mutable_position()->set_y(event.position->y);
    header.mutable_position()->set_z(event.position->z);
  }
  bool any_apart = false;
  for (const Percept& percept : event.percepts) {
    PerceptRecord& record = *header.add_percepts();
    record.set_modality(percept.modality);
    record.set_kind(static_cast<uint32_t>(KindOf(percept.payload)));
    std::visit(PayloadWriter{record, *payload.add_percepts()}, percept.payload);
    any_apart = any_apart || record.apart();
  }
  for (const auto& [key, value] : event.metadata) {
    storage::v1::MetadataRecord& entry = *header.add_metadata();
    entry.set_key(key);
    entry.set_value(value);
  }
  return any_apart;
}

absl::Status DecodeHeader(const EventRecord& header, Event& event) {
  event.event_id = header.event_id();
  event.time = FromNanos(header.time_ns());
  event.duration = absl::Nanoseconds(header.duration_ns());
  event.source = header.source();
  event.scene = header.scene();
  if (header.has_position()) {
    event.position = Position{header.position().x(), header.position().y(), header.position().z()};
  }
  event.percepts.resize(static_cast<size_t>(header.percepts_size()));
  for (size_t i = 0; i < event.percepts.size(); ++i) {
    const PerceptRecord& record = header.percepts(static_cast<int>(i));
    event.percepts[i].modality = record.modality();
    event.percepts[i].dropped = record.dropped_ns() != 0;
    MM_RETURN_IF_ERROR(ReadHeader(record, event.percepts[i].payload));
  }
  for (const auto& entry : header.metadata()) event.metadata[entry.key()] = entry.value();
  return absl::OkStatus();
}

bool HasPayloadApart(const EventRecord& header) {
  for (const PerceptRecord& percept : header.percepts()) {
    if (percept.apart()) return true;
  }
  return false;
}

bool HasDropped(const EventRecord& header) {
  for (const PerceptRecord& percept : header.percepts()) {
    if (percept.dropped_ns() != 0) return true;
  }
  return false;
}

absl::Status DecodePayload(const EventRecord& header, const storage::v1::PayloadRecord& payload,
                           Event& event) {
  if (payload.percepts_size() != header.percepts_size()) {
    return absl::DataLossError(absl::StrCat(payload.percepts_size(), " payloads for ",
                                            header.percepts_size(), " percepts"));
  }
  for (size_t i = 0; i < event.percepts.size(); ++i) {
    const int index = static_cast<int>(i);
    if (!header.percepts(index).apart()) continue;
    // It may be dropped after its header was read.
    if (payload.percepts(index).dropped()) event.percepts[i].dropped = true;
    MM_RETURN_IF_ERROR(
        std::visit(PayloadReader{payload.percepts(index)}, event.percepts[i].payload));
  }
  return absl::OkStatus();
}

absl::Status DecodeLogEntry(Seq seq, const storage::v1::LogRecord& record, LogEntry& entry) {
  entry.seq = seq;
  switch (record.what_case()) {
    case storage::v1::LogRecord::kEvent: {
      const EventRecord& event = record.event();
      BindingEvent binding{.scene = event.scene(),
                           .time = FromNanos(event.time_ns()),
                           .duration = absl::Nanoseconds(event.duration_ns()),
                           .position = std::nullopt,
                           .percept_count = static_cast<uint32_t>(event.percepts_size())};
      if (event.has_position()) {
        binding.position =
            Position{event.position().x(), event.position().y(), event.position().z()};
      }
      entry.what = std::move(binding);
      return absl::OkStatus();
    }
    case storage::v1::LogRecord::kIdleClose:
      entry.what = IdleClose{.scene = record.idle_close().scene()};
      return absl::OkStatus();
    case storage::v1::LogRecord::kBindingConfig:
      entry.what = DecodeBindingConfig(record.binding_config());
      return absl::OkStatus();
    case storage::v1::LogRecord::kForgotten:
      // An entry that concerns no scene: no event's scene has so long a name.
      entry.what = IdleClose{.scene = std::string(512, '-')};
      return absl::OkStatus();
    case storage::v1::LogRecord::WHAT_NOT_SET:
      break;
  }
  return absl::DataLossError("the entry is of no known kind");
}

void EncodeBindingConfig(const BindingConfig& config, storage::v1::BindingConfigRecord& record) {
  record.set_gap_ns(absl::ToInt64Nanoseconds(config.gap));
  record.set_max_length_ns(absl::ToInt64Nanoseconds(config.max_length));
  record.set_lateness_ns(absl::ToInt64Nanoseconds(config.lateness));
  record.set_bind_radius(config.bind_radius);
  record.set_events_max(config.events_max);
  record.set_probe_share(config.probe_share);
  record.set_probe_block_ns(absl::ToInt64Nanoseconds(config.probe_block));
  record.set_probe_salt(config.probe_salt);
}

BindingConfig DecodeBindingConfig(const storage::v1::BindingConfigRecord& record) {
  return BindingConfig{.gap = absl::Nanoseconds(record.gap_ns()),
                       .max_length = absl::Nanoseconds(record.max_length_ns()),
                       .lateness = absl::Nanoseconds(record.lateness_ns()),
                       .bind_radius = record.bind_radius(),
                       .events_max = record.events_max(),
                       .probe_share = record.probe_share(),
                       .probe_block = absl::Nanoseconds(record.probe_block_ns()),
                       .probe_salt = record.probe_salt()};
}

int64_t ToNanos(absl::Time time) { return absl::ToUnixNanos(time); }

}  // namespace mixmatch::codec
