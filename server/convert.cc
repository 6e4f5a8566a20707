// Field by field, in the order of the protos.
#include "server/convert.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/retry_delay.h"
#include "server/status_details.pb.h"

namespace mixmatch {
namespace {

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

constexpr int kFilterEntriesMax = 4096;

// Each entry is looked up, and kept for the next call.
absl::Status CheckCount(const v1::Filter& filter) {
  int count = filter.modalities_size() + filter.sources_size() + filter.scenes_size() +
              filter.metadata_size() + filter.taught_size();
  for (const v1::MetadataCondition& condition : filter.metadata()) count += condition.values_size();
  for (const v1::TaughtCondition& condition : filter.taught()) count += condition.labels_size();
  if (count <= kFilterEntriesMax) return absl::OkStatus();
  return InvalidField("filter", absl::StrCat("filter refused: ", count, " entries in its lists; ",
                                             "give at most ", kFilterEntriesMax));
}

template <typename T>
std::vector<T> ToVector(const google::protobuf::RepeatedField<T>& values) {
  return {values.begin(), values.end()};
}

struct PayloadToProto {
  v1::Percept& out;

  void operator()(const std::monostate&) const {}
  void operator()(const TextPayload& p) const { out.mutable_text()->set_text(p.text); }
  void operator()(const AudioPayload& p) const {
    out.mutable_audio()->set_data(p.data);
    out.mutable_audio()->set_media_type(p.media_type);
    out.mutable_audio()->set_sample_rate_hz(p.sample_rate_hz);
    out.mutable_audio()->set_channel_count(p.channel_count);
  }
  void operator()(const ImagePayload& p) const {
    out.mutable_image()->set_data(p.data);
    out.mutable_image()->set_media_type(p.media_type);
    out.mutable_image()->set_width_px(p.width_px);
    out.mutable_image()->set_height_px(p.height_px);
    out.mutable_image()->set_channel_count(p.channel_count);
  }
  void operator()(const VideoPayload& p) const {
    out.mutable_video()->set_media_type(p.media_type);
  }
  void operator()(const SeriesPayload& p) const {
    out.mutable_series()->mutable_values()->Add(p.values.begin(), p.values.end());
    out.mutable_series()->set_channel_count(p.channel_count);
    out.mutable_series()->set_rate_hz(p.rate_hz);
    out.mutable_series()->mutable_times_s()->Add(p.times_s.begin(), p.times_s.end());
  }
  void operator()(const VectorPayload& p) const {
    out.mutable_vector()->mutable_values()->Add(p.values.begin(), p.values.end());
  }
};

}  // namespace

Percept FromProto(v1::Percept&& percept) {
  Percept out;
  out.modality = std::move(*percept.mutable_modality());
  switch (percept.payload_case()) {
    case v1::Percept::kText:
      out.payload = TextPayload{std::move(*percept.mutable_text()->mutable_text())};
      break;
    case v1::Percept::kAudio: {
      v1::Audio& audio = *percept.mutable_audio();
      out.payload = AudioPayload{std::move(*audio.mutable_data()), audio.media_type(),
                                 audio.sample_rate_hz(), audio.channel_count()};
      break;
    }
    case v1::Percept::kImage: {
      v1::Image& image = *percept.mutable_image();
      out.payload = ImagePayload{std::move(*image.mutable_data()), image.media_type(),
                                 image.width_px(), image.height_px(), image.channel_count()};
      break;
    }
    case v1::Percept::kVideo:
      out.payload = VideoPayload{std::move(*percept.mutable_video()->mutable_data()),
                                 percept.video().media_type()};
      break;
    case v1::Percept::kSeries: {
      const v1::Series& series = percept.series();
      out.payload = SeriesPayload{ToVector(series.values()), series.channel_count(),
                                  series.rate_hz(), ToVector(series.times_s())};
      break;
    }
    case v1::Percept::kVector:
      out.payload = VectorPayload{ToVector(percept.vector().values())};
      break;
    case v1::Percept::PAYLOAD_NOT_SET:
      break;
  }
  return out;
}

Event FromProto(v1::Event&& event) {
  Event out;
  out.event_id = std::move(*event.mutable_event_id());
  out.time = event.has_time() ? FromProto(event.time()) : absl::InfinitePast();
  out.duration = FromProto(event.duration());
  out.source = std::move(*event.mutable_source());
  out.scene = std::move(*event.mutable_scene());
  if (event.has_position()) {
    out.position = Position{event.position().x(), event.position().y(), event.position().z()};
  }
  for (v1::Percept& percept : *event.mutable_percepts()) {
    out.percepts.push_back(FromProto(std::move(percept)));
  }
  for (const auto& [key, value] : event.metadata()) out.metadata[key] = value;
  return out;
}

absl::StatusOr<EventFilter> FromProto(const v1::Filter& filter) {
  MM_RETURN_IF_ERROR(CheckCount(filter));
  EventFilter out;
  if (filter.time().has_start()) out.time_start = FromProto(filter.time().start());
  if (filter.time().has_end()) out.time_end = FromProto(filter.time().end());
  if (filter.ingest_time().has_start()) out.ingest_start = FromProto(filter.ingest_time().start());
  if (filter.ingest_time().has_end()) out.ingest_end = FromProto(filter.ingest_time().end());
  out.modalities.assign(filter.modalities().begin(), filter.modalities().end());
  out.sources.assign(filter.sources().begin(), filter.sources().end());
  out.scenes.assign(filter.scenes().begin(), filter.scenes().end());
  for (int i = 0; i < filter.metadata_size(); ++i) {
    const v1::MetadataCondition& condition = filter.metadata(i);
    if (condition.key().empty() || condition.values().empty()) {
      return InvalidField(absl::StrCat("filter.metadata[", i, "]"),
                          "filter refused: a metadata condition without key or values; give both");
    }
    out.metadata.emplace_back(condition.key(), std::vector<std::string>(condition.values().begin(),
                                                                        condition.values().end()));
  }
  for (int i = 0; i < filter.taught_size(); ++i) {
    const v1::TaughtCondition& condition = filter.taught(i);
    if (condition.skill().empty()) {
      return InvalidField(absl::StrCat("filter.taught[", i, "].skill"),
                          "filter refused: a condition on lessons without a skill; name it");
    }
    out.taught.emplace_back(condition.skill(), std::vector<std::string>(condition.labels().begin(),
                                                                        condition.labels().end()));
  }
  return out;
}

v1::StoredEvent ToProto(const LoggedEvent& logged, EpisodeId episode) {
  v1::StoredEvent out;
  v1::Event& event = *out.mutable_event();
  event.set_event_id(logged.event.event_id);
  *event.mutable_time() = ToProto(logged.event.time);
  if (logged.event.duration > absl::ZeroDuration()) {
    *event.mutable_duration() = ToProto(logged.event.duration);
  }
  event.set_source(logged.event.source);
  event.set_scene(logged.event.scene);
  if (logged.event.position) {
    event.mutable_position()->set_x(logged.event.position->x);
    event.mutable_position()->set_y(logged.event.position->y);
    event.mutable_position()->set_z(logged.event.position->z);
  }
  for (const Percept& percept : logged.event.percepts) {
    v1::Percept& added = *event.add_percepts();
    added.set_modality(percept.modality);
    std::visit(PayloadToProto{added}, percept.payload);
    if (percept.dropped) {
      out.add_dropped_percepts(static_cast<uint32_t>(event.percepts_size() - 1));
    }
  }
  for (const auto& [key, value] : logged.event.metadata) (*event.mutable_metadata())[key] = value;
  out.set_sequence(logged.seq);
  *out.mutable_ingest_time() = ToProto(logged.ingest_time);
  out.set_episode_id(episode);
  return out;
}

v1::Episode ToProto(const Episode& episode) {
  v1::Episode out;
  out.set_episode_id(episode.id);
  out.set_scene(episode.scene);
  *out.mutable_start_time() = ToProto(episode.start);
  *out.mutable_end_time() = ToProto(episode.end);
  out.set_closed(episode.closed);
  out.set_late(episode.late);
  out.set_probe(episode.probe);
  return out;
}

v1::Watermarks ToProto(const WatermarkValues& values) {
  v1::Watermarks out;
  out.set_durable(values.durable);
  out.set_recallable(values.recallable);
  out.set_learned(values.learned);
  out.set_served_learned(values.served_learned);
  out.set_generation(values.generation);
  return out;
}

v1::Pending ToProto(const Pending& pending) {
  v1::Pending out;
  out.set_event_count(pending.events);
  out.set_unbound_event_count(pending.unbound_events);
  out.set_episode_count(pending.episodes);
  return out;
}

v1::EventError ToEventError(const absl::Status& status) {
  v1::EventError out;
  out.set_code(static_cast<int32_t>(status.code()));
  out.set_field(FieldOf(status));
  out.set_message(std::string(status.message()));
  if (absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    *out.mutable_retry_delay() = ToProto(RetryDelayOf(status));
  }
  return out;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(
      static_cast<int32_t>((time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
  return out;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration out;
  absl::Duration rest;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return out;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

namespace {

void AddDetail(const google::protobuf::MessageLite& detail, const char* name, rpc::Status& out) {
  google::protobuf::Any& added = *out.add_details();
  added.set_type_url(absl::StrCat("type.googleapis.com/google.rpc.", name));
  detail.SerializeToString(added.mutable_value());
}

// google.rpc.Status, as bytes; empty where there is nothing to add to code and message.
std::string DetailsOf(const absl::Status& status, const std::string& field,
                      const std::string& message) {
  rpc::Status out;
  if (absl::IsResourceExhausted(status)) {
    rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = ToProto(RetryDelayOf(status));
    AddDetail(retry, "RetryInfo", out);
  }
  if (!field.empty()) {
    rpc::BadRequest bad;
    rpc::BadRequest::FieldViolation& violation = *bad.add_field_violations();
    violation.set_field(field);
    violation.set_description(std::string(status.message()));
    AddDetail(bad, "BadRequest", out);
  }
  if (out.details().empty()) return "";
  out.set_code(static_cast<int32_t>(status.code()));
  out.set_message(message);
  return out.SerializeAsString();
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string field = FieldOf(status);
  const std::string message = field.empty()
                                  ? std::string(status.message())
                                  : absl::StrCat(field, ": ", std::string(status.message()));
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      DetailsOf(status, field, message));
}

}  // namespace mixmatch
