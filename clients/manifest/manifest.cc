// One event per line.
#include "clients/manifest/manifest.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/manifest/percepts_internal.h"
#include "clients/manifest/times.h"

namespace mixmatch::client {
namespace {

absl::Status FillTime(const Fields& fields, v1::Event* event) {
  absl::Status required = fields.Require("time");
  if (!required.ok()) return required;
  const Json& value = fields.At("time");
  if (!value.is_string() && !value.is_number()) {
    return BadField("time", "it is " + KindOf(value), "give RFC 3339 text or seconds since 1970");
  }
  absl::StatusOr<google::protobuf::Timestamp> time =
      value.is_string() ? TimestampFromText(value.get<std::string>())
                        : TimestampFromSeconds(value.get<double>());
  if (!time.ok())
    return absl::InvalidArgumentError(absl::StrCat("time: ", time.status().message()));
  *event->mutable_time() = *std::move(time);
  return absl::OkStatus();
}

absl::Status FillDuration(const Fields& fields, v1::Event* event) {
  if (!fields.Has("duration")) return absl::OkStatus();
  const absl::StatusOr<double> seconds = fields.Number("duration", 0);
  if (!seconds.ok()) return seconds.status();
  absl::StatusOr<google::protobuf::Duration> duration = DurationFromSeconds(*seconds);
  if (!duration.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("duration: ", duration.status().message()));
  }
  *event->mutable_duration() = *std::move(duration);
  return absl::OkStatus();
}

absl::Status FillPosition(const Fields& fields, v1::Event* event) {
  if (!fields.Has("position")) return absl::OkStatus();
  const absl::StatusOr<std::vector<double>> point = DoubleList(fields.At("position"), "position");
  if (!point.ok()) return point.status();
  if (point->size() != 3) {
    return BadField("position", absl::StrCat("it has ", point->size(), " numbers"),
                    "give three: [x, y, z]");
  }
  event->mutable_position()->set_x((*point)[0]);
  event->mutable_position()->set_y((*point)[1]);
  event->mutable_position()->set_z((*point)[2]);
  return absl::OkStatus();
}

// source and event_id.
absl::StatusOr<v1::EventKey> KeyOf(const Fields& fields) {
  absl::Status required = fields.Require("event_id");
  if (!required.ok()) return required;
  absl::StatusOr<std::string> event_id = fields.Text("event_id");
  if (!event_id.ok()) return event_id.status();
  if (event_id->empty()) return BadField("event_id", "it is empty", "give the event a name");
  absl::StatusOr<std::string> source = fields.Text("source");
  if (!source.ok()) return source.status();
  v1::EventKey key;
  key.set_event_id(*std::move(event_id));
  key.set_source(*std::move(source));
  return key;
}

absl::StatusOr<v1::Event> EventFromFields(const Fields& fields, const std::string& folder) {
  // The last two are an export's, for an import.
  absl::Status known = fields.AllowOnly({"event_id", "time", "duration", "source", "scene",
                                         "position", "percepts", "metadata", "duration_ns", "log"});
  if (!known.ok()) return known;
  absl::StatusOr<v1::EventKey> key = KeyOf(fields);
  if (!key.ok()) return key.status();
  v1::Event event;
  event.set_event_id(key->event_id());
  event.set_source(key->source());
  absl::StatusOr<std::string> scene = fields.Text("scene");
  if (!scene.ok()) return scene.status();
  event.set_scene(*std::move(scene));
  for (const auto fill : {FillTime, FillDuration, FillPosition}) {
    absl::Status filled = fill(fields, &event);
    if (!filled.ok()) return filled;
  }
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> metadata =
      fields.TextMap("metadata");
  if (!metadata.ok()) return metadata.status();
  event.mutable_metadata()->insert(metadata->begin(), metadata->end());
  absl::Status percepts = AppendPercepts(fields, folder, event.mutable_percepts());
  if (!percepts.ok()) return percepts;
  return event;
}

}  // namespace

absl::StatusOr<v1::Event> EventFromLine(std::string_view line, const std::string& folder) {
  const absl::StatusOr<Json> json = ParseJson(line);
  if (!json.ok()) return json.status();
  const absl::StatusOr<Fields> fields = Fields::Of(*json, "");
  if (!fields.ok()) return fields.status();
  return EventFromFields(*fields, folder);
}

absl::StatusOr<v1::EventKey> EventKeyFromLine(std::string_view line) {
  const absl::StatusOr<Json> json = ParseJson(line);
  if (!json.ok()) return json.status();
  const absl::StatusOr<Fields> fields = Fields::Of(*json, "");
  if (!fields.ok()) return fields.status();
  return KeyOf(*fields);
}

}  // namespace mixmatch::client
