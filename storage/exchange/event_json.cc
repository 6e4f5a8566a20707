// Numbers are written so that the same ones are read; times to the nanosecond.
#include "storage/exchange/event_json.h"

#include <xxhash.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%E*SZ";

std::string NameOf(const std::string& data) {
  const XXH128_hash_t hash = XXH3_128bits(data.data(), data.size());
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

std::string ExtensionOf(const std::string& media_type) {
  static const std::map<std::string, std::string> kExtensions = {
      {"image/png", "png"},  {"image/jpeg", "jpg"}, {"audio/wav", "wav"}, {"audio/flac", "flac"},
      {"audio/mpeg", "mp3"}, {"audio/ogg", "ogg"},  {"video/mp4", "mp4"}};
  const auto known = kExtensions.find(media_type);
  return known == kExtensions.end() ? "bin" : known->second;
}

const char* KindName(const Payload& payload) {
  constexpr const char* kNames[] = {"", "text", "audio", "image", "video", "series", "vector"};
  return kNames[payload.index()];
}

// One percept's payload into its object.
struct PayloadWriter {
  Json& json;
  MediaFolder& media;

  absl::Status operator()(const std::monostate&) const { return absl::OkStatus(); }
  absl::Status operator()(const TextPayload& p) const {
    json["text"] = p.text;
    return absl::OkStatus();
  }
  absl::Status operator()(const AudioPayload& p) const {
    MM_RETURN_IF_ERROR(File(p.data, "audio", p.media_type));
    Number("sample_rate_hz", p.sample_rate_hz);
    Number("channel_count", p.channel_count);
    return absl::OkStatus();
  }
  absl::Status operator()(const ImagePayload& p) const {
    MM_RETURN_IF_ERROR(File(p.data, "image", p.media_type));
    Number("width_px", p.width_px);
    Number("height_px", p.height_px);
    Number("channel_count", p.channel_count);
    return absl::OkStatus();
  }
  absl::Status operator()(const VideoPayload& p) const {
    return File(p.data, "video", p.media_type);
  }
  absl::Status operator()(const SeriesPayload& p) const {
    Json rows = Json::array();
    const size_t channels = p.channel_count == 0 ? 1 : p.channel_count;
    for (size_t t = 0; t + channels <= p.values.size(); t += channels) {
      rows.push_back(std::vector<float>(p.values.begin() + static_cast<ptrdiff_t>(t),
                                        p.values.begin() + static_cast<ptrdiff_t>(t + channels)));
    }
    json["series"] = std::move(rows);
    if (p.channel_count == 0) json["channel_count"] = 0;  // one, not named
    if (p.rate_hz != 0) json["rate_hz"] = p.rate_hz;
    if (!p.times_s.empty()) json["times_s"] = p.times_s;
    return absl::OkStatus();
  }
  absl::Status operator()(const VectorPayload& p) const {
    json["vector"] = p.values;
    return absl::OkStatus();
  }

  void Number(const char* key, uint32_t value) const {
    if (value != 0) json[key] = value;
  }
  absl::Status File(const std::string& data, const char* kind,
                    const std::string& media_type) const {
    MM_ASSIGN_OR_RETURN(json["file"], media.Put(data, ExtensionOf(media_type)));
    json["kind"] = kind;
    json["media_type"] = media_type;
    return absl::OkStatus();
  }
};

// What of a payload is not its content, for one whose content was dropped.
struct ShapeWriter {
  Json& json;
  void operator()(const AudioPayload& p) const {
    json["media_type"] = p.media_type;
    json["sample_rate_hz"] = p.sample_rate_hz;
    json["channel_count"] = p.channel_count;
  }
  void operator()(const ImagePayload& p) const {
    json["media_type"] = p.media_type;
    json["width_px"] = p.width_px;
    json["height_px"] = p.height_px;
    json["channel_count"] = p.channel_count;
  }
  void operator()(const VideoPayload& p) const { json["media_type"] = p.media_type; }
  void operator()(const SeriesPayload& p) const {
    json["channel_count"] = p.channel_count;
    json["rate_hz"] = p.rate_hz;
  }
  template <typename Other>
  void operator()(const Other&) const {}
};

absl::StatusOr<Json> PerceptToJson(const Percept& percept, MediaFolder& media) {
  Json json = {{"modality", percept.modality}};
  if (percept.dropped) {
    json["kind"] = KindName(percept.payload);
    json["dropped"] = true;
    std::visit(ShapeWriter{json}, percept.payload);
    return json;
  }
  MM_RETURN_IF_ERROR(std::visit(PayloadWriter{json, media}, percept.payload));
  return json;
}

uint32_t NumberOf(const Json& json, const char* key) { return json.value(key, uint32_t{0}); }

// Throws where a value is of another type.
absl::StatusOr<SeriesPayload> SeriesOf(const Json& json) {
  SeriesPayload series;
  for (const Json& row : json.value("series", Json::array())) {
    const auto values = row.get<std::vector<float>>();
    if (series.channel_count != 0 && values.size() != series.channel_count) {
      return absl::InvalidArgumentError("series: its rows are of different lengths");
    }
    series.channel_count = static_cast<uint32_t>(values.size());
    series.values.insert(series.values.end(), values.begin(), values.end());
  }
  series.channel_count = json.value("channel_count", series.channel_count);
  series.rate_hz = json.value("rate_hz", 0.0);
  series.times_s = json.value("times_s", std::vector<double>());
  return series;
}

absl::StatusOr<Payload> PayloadOf(const Json& json, const MediaFolder& media) {
  const std::string kind = json.value("kind", "");
  const bool dropped = json.value("dropped", false);
  if (json.contains("text") || kind == "text") return TextPayload{.text = json.value("text", "")};
  if (json.contains("vector") || kind == "vector") {
    return VectorPayload{.values = json.value("vector", std::vector<float>())};
  }
  if (json.contains("series") || kind == "series") return SeriesOf(json);
  std::string data;
  if (!dropped) {
    MM_ASSIGN_OR_RETURN(data, media.Get(json.at("file").get<std::string>()));
  }
  const std::string media_type = json.value("media_type", "");
  if (kind == "audio") {
    return AudioPayload{.data = std::move(data),
                        .media_type = media_type,
                        .sample_rate_hz = NumberOf(json, "sample_rate_hz"),
                        .channel_count = NumberOf(json, "channel_count")};
  }
  if (kind == "image") {
    return ImagePayload{.data = std::move(data),
                        .media_type = media_type,
                        .width_px = NumberOf(json, "width_px"),
                        .height_px = NumberOf(json, "height_px"),
                        .channel_count = NumberOf(json, "channel_count")};
  }
  if (kind == "video") return VideoPayload{.data = std::move(data), .media_type = media_type};
  return absl::InvalidArgumentError(absl::StrCat("percept of kind '", kind, "': unknown"));
}

absl::StatusOr<Event> ReadEvent(const Json& json, const MediaFolder& media) {
  Event event;
  event.event_id = json.at("event_id").get<std::string>();
  std::string error;
  const auto time = json.at("time").get<std::string>();
  if (!absl::ParseTime(kTimeFormat, time, absl::UTCTimeZone(), &event.time, &error)) {
    return absl::InvalidArgumentError(absl::StrCat("time: '", time, "' is none: ", error));
  }
  event.duration = absl::Nanoseconds(json.value("duration_ns", int64_t{0}));
  event.source = json.value("source", "");
  event.scene = json.value("scene", "");
  if (json.contains("position")) {
    const auto place = json["position"].get<std::vector<double>>();
    if (place.size() != 3) return absl::InvalidArgumentError("position: not three numbers");
    event.position = Position{place[0], place[1], place[2]};
  }
  for (const Json& each : json.at("percepts")) {
    Percept percept{.modality = each.at("modality").get<std::string>(), .payload = {}};
    percept.dropped = each.value("dropped", false);
    MM_ASSIGN_OR_RETURN(percept.payload, PayloadOf(each, media));
    event.percepts.push_back(std::move(percept));
  }
  event.metadata = json.value("metadata", std::map<std::string, std::string>());
  return event;
}

}  // namespace

absl::StatusOr<std::string> MediaFolder::Put(const std::string& data,
                                             const std::string& extension) {
  const std::string name = NameOf(data);
  const std::string path = absl::StrCat("media/", name.substr(0, 2), "/", name, ".", extension);
  const fs::path file = fs::path(folder_) / path;
  std::error_code error;
  if (fs::exists(file, error)) return path;
  fs::create_directories(file.parent_path(), error);
  std::ofstream out(file, std::ios::binary);
  out.write(data.data(), static_cast<std::streamsize>(data.size()));
  out.close();
  if (!out) {
    return absl::InternalError(
        absl::StrCat(file.string(), " not written; check the space that is left"));
  }
  return path;
}

absl::StatusOr<std::string> MediaFolder::Get(const std::string& path) const {
  if (!absl::StartsWith(path, "media/") || absl::StrContains(path, "..")) {
    return absl::InvalidArgumentError(
        absl::StrCat("file '", path, "' refused: it is not in media/; put it there"));
  }
  MM_ASSIGN_OR_RETURN(std::string data, ReadWholeFile(folder_ + "/" + path));
  if (fs::path(path).stem() != NameOf(data)) {
    return absl::DataLossError(
        absl::StrCat("file '", path, "' is not what was exported; take it from another copy"));
  }
  return data;
}

absl::StatusOr<Json> EventToJson(const Event& event, MediaFolder& media) {
  Json json = {{"event_id", event.event_id},
               {"time", absl::FormatTime(kTimeFormat, event.time, absl::UTCTimeZone())}};
  if (event.duration != absl::ZeroDuration()) {
    json["duration"] = absl::ToDoubleSeconds(event.duration);
    json["duration_ns"] = absl::ToInt64Nanoseconds(event.duration);
  }
  json["source"] = event.source;
  json["scene"] = event.scene;
  if (event.position) {
    json["position"] = {event.position->x, event.position->y, event.position->z};
  }
  Json percepts = Json::array();
  for (const Percept& percept : event.percepts) {
    MM_ASSIGN_OR_RETURN(percepts.emplace_back(), PerceptToJson(percept, media));
  }
  json["percepts"] = std::move(percepts);
  if (!event.metadata.empty()) json["metadata"] = event.metadata;
  return json;
}

absl::StatusOr<Event> EventFromJson(const Json& json, const MediaFolder& media) {
  try {
    return ReadEvent(json, media);
  } catch (const Json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("event not read: ", e.what()));
  }
}

}  // namespace mixmatch
