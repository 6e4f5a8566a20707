// One payload each: text, file, vector or series.
#include "clients/manifest/percepts.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/manifest/percepts_internal.h"

namespace mixmatch::client {
namespace {

struct FileType {
  std::string_view extension;
  std::string_view kind;
  std::string_view media_type;
};

constexpr std::array<FileType, 9> kFileTypes = {{{".png", "image", "image/png"},
                                                 {".jpg", "image", "image/jpeg"},
                                                 {".jpeg", "image", "image/jpeg"},
                                                 {".wav", "audio", "audio/wav"},
                                                 {".flac", "audio", "audio/flac"},
                                                 {".mp3", "audio", "audio/mpeg"},
                                                 {".ogg", "audio", "audio/ogg"},
                                                 {".mp4", "video", "video/mp4"},
                                                 {".txt", "text", ""}}};

// The type that the extension names; nullptr for an unknown one.
const FileType* TypeOf(const std::filesystem::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  for (const FileType& type : kFileTypes) {
    if (type.extension == extension) return &type;
  }
  return nullptr;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return absl::NotFoundError(absl::StrCat(path, ": there is no such file; check the path"));
  }
  if (!std::filesystem::is_regular_file(status)) return BadField(path, "it is no file", "give one");
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return BadField(path, error.message(), "check who may read it");
  if (bytes == 0) return BadField(path, "it is empty", "give a file with content");
  if (bytes > kFileBytesMax) {
    return BadField(path, absl::StrCat("it has ", bytes, " bytes, at most ", kFileBytesMax),
                    "cut it into smaller ones");
  }
  std::string data(static_cast<size_t>(bytes), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(data.data(), bytes)) return BadField(path, "it cannot be read", "check who may");
  return data;
}

// The series' samples: a list of rows of C numbers, or for one channel a list of numbers.
absl::Status FillSamples(const Json& rows, const std::string& where, v1::Series* series) {
  if (!rows.is_array() || rows.empty()) {
    return BadField(where, "it is " + (rows.empty() ? "empty" : KindOf(rows)),
                    "give a list of rows, one per moment");
  }
  if (rows[0].is_number()) {
    absl::StatusOr<std::vector<float>> samples = FloatList(rows, where);
    if (!samples.ok()) return samples.status();
    series->set_channel_count(1);
    series->mutable_values()->Add(samples->begin(), samples->end());
    return absl::OkStatus();
  }
  for (size_t t = 0; t < rows.size(); ++t) {
    const std::string row_path = absl::StrCat(where, "[", t, "]");
    absl::StatusOr<std::vector<float>> row = FloatList(rows[t], row_path);
    if (!row.ok()) return row.status();
    if (row->empty() || (t > 0 && row->size() != series->channel_count())) {
      return BadField(
          row_path,
          absl::StrCat("it has ", row->size(), " numbers, the first row ", series->channel_count()),
          "give every row the same number of channels");
    }
    series->set_channel_count(static_cast<uint32_t>(row->size()));
    series->mutable_values()->Add(row->begin(), row->end());
  }
  return absl::OkStatus();
}

absl::Status FillSeries(const Fields& fields, v1::Series* series) {
  if (fields.Has("rate_hz") == fields.Has("times_s")) {
    return BadField(fields.PathOf("rate_hz"),
                    fields.Has("rate_hz") ? "times_s is there too" : "it is missing",
                    "give a series either rate_hz or times_s");
  }
  absl::Status filled = FillSamples(fields.At("series"), fields.PathOf("series"), series);
  if (!filled.ok()) return filled;
  if (fields.Has("rate_hz")) {
    const absl::StatusOr<double> rate_hz = fields.Number("rate_hz", 0);
    if (!rate_hz.ok()) return rate_hz.status();
    if (*rate_hz <= 0) return BadField(fields.PathOf("rate_hz"), "it is not above 0", "correct it");
    series->set_rate_hz(*rate_hz);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<double>> times =
      DoubleList(fields.At("times_s"), fields.PathOf("times_s"));
  if (!times.ok()) return times.status();
  const size_t sample_count = static_cast<size_t>(series->values_size()) / series->channel_count();
  if (times->size() != sample_count) {
    return BadField(fields.PathOf("times_s"),
                    absl::StrCat(times->size(), " times for ", sample_count, " samples"),
                    "give one time per sample");
  }
  series->mutable_times_s()->Add(times->begin(), times->end());
  return absl::OkStatus();
}

absl::Status FillPayload(const Fields& fields, v1::Percept* percept) {
  if (fields.Has("text")) {
    absl::StatusOr<std::string> text = fields.Text("text");
    if (!text.ok()) return text.status();
    if (text->empty()) return BadField(fields.PathOf("text"), "it is empty", "give some text");
    percept->mutable_text()->set_text(*std::move(text));
    return absl::OkStatus();
  }
  if (fields.Has("vector")) {
    absl::StatusOr<std::vector<float>> values =
        FloatList(fields.At("vector"), fields.PathOf("vector"));
    if (!values.ok()) return values.status();
    if (values->empty()) return BadField(fields.PathOf("vector"), "it is empty", "give numbers");
    percept->mutable_vector()->mutable_values()->Add(values->begin(), values->end());
    return absl::OkStatus();
  }
  return FillSeries(fields, percept->mutable_series());
}

// Exactly one payload, and no key that belongs to another one.
absl::Status CheckKeys(const Fields& fields) {
  absl::Status known = fields.AllowOnly({"modality", "text", "file", "kind", "media_type",
                                         "sample_rate_hz", "channel_count", "width_px", "height_px",
                                         "vector", "series", "rate_hz", "times_s"});
  if (!known.ok()) return known;
  int payload_count = 0;
  for (const std::string_view key : {"text", "file", "vector", "series"}) {
    if (fields.Has(key)) ++payload_count;
  }
  if (payload_count != 1) {
    return BadField(fields.where(), absl::StrCat("it has ", payload_count, " payloads"),
                    "give exactly one of text, file, vector, series");
  }
  if (fields.Has("kind") && !fields.Has("file")) {
    return BadField(fields.PathOf("kind"), "there is no file", "kind is for files alone");
  }
  for (const std::string_view key :
       {"media_type", "sample_rate_hz", "channel_count", "width_px", "height_px"}) {
    if (fields.Has(key) && !fields.Has("file")) {
      return BadField(fields.PathOf(key), "there is no file", "it is for files alone");
    }
  }
  for (const std::string_view key : {"rate_hz", "times_s"}) {
    if (fields.Has(key) && !fields.Has("series")) {
      return BadField(fields.PathOf(key), "there is no series", "it is for series alone");
    }
  }
  return absl::OkStatus();
}

// A whole number that stands beside a file: how its bare samples or pixels lie.
absl::Status FillNumber(const Fields& fields, const std::string& key,
                        const std::function<void(uint32_t)>& set) {
  if (!fields.Has(key)) return absl::OkStatus();
  const absl::StatusOr<double> number = fields.Number(key, 0);
  if (!number.ok()) return number.status();
  if (!(*number >= 0 && *number <= 1e9) || *number != std::floor(*number)) {
    return BadField(fields.PathOf(key), "it is no whole number from 0 on", "correct it");
  }
  set(static_cast<uint32_t>(*number));
  return absl::OkStatus();
}

// What a file's name does not say of it.
absl::Status FillShape(const Fields& fields, v1::Percept* percept) {
  const absl::StatusOr<std::string> media_type = fields.Text("media_type");
  if (!media_type.ok()) return media_type.status();
  const bool typed = fields.Has("media_type");
  absl::Status filled;
  if (percept->has_audio()) {
    v1::Audio* const audio = percept->mutable_audio();
    if (typed) audio->set_media_type(*media_type);
    filled.Update(FillNumber(fields, "sample_rate_hz",
                             [audio](uint32_t n) { audio->set_sample_rate_hz(n); }));
    filled.Update(
        FillNumber(fields, "channel_count", [audio](uint32_t n) { audio->set_channel_count(n); }));
  } else if (percept->has_image()) {
    v1::Image* const image = percept->mutable_image();
    if (typed) image->set_media_type(*media_type);
    filled.Update(FillNumber(fields, "width_px", [image](uint32_t n) { image->set_width_px(n); }));
    filled.Update(
        FillNumber(fields, "height_px", [image](uint32_t n) { image->set_height_px(n); }));
    filled.Update(
        FillNumber(fields, "channel_count", [image](uint32_t n) { image->set_channel_count(n); }));
  } else if (percept->has_video() && typed) {
    percept->mutable_video()->set_media_type(*media_type);
  }
  return filled;
}

}  // namespace

absl::StatusOr<v1::Percept> PerceptFromFile(const std::string& modality, const std::string& path,
                                            const std::string& kind) {
  const FileType* const type = TypeOf(path);
  if (kind.empty() && type == nullptr) {
    return BadField(path, "its extension does not say what it is",
                    "give its kind: image, audio, video or text");
  }
  const std::string wanted(kind.empty() ? type->kind : std::string_view(kind));
  if (wanted != "image" && wanted != "audio" && wanted != "video" && wanted != "text") {
    return BadField("kind", "'" + wanted + "' is unknown", "give image, audio, video or text");
  }
  // Where the extension speaks of another kind, the daemon detects the type.
  const std::string media_type(type != nullptr && type->kind == wanted ? type->media_type : "");
  absl::StatusOr<std::string> data = ReadFile(path);
  if (!data.ok()) return data.status();
  v1::Percept percept;
  percept.set_modality(modality);
  if (wanted == "image") {
    percept.mutable_image()->set_data(*std::move(data));
    percept.mutable_image()->set_media_type(media_type);
  } else if (wanted == "audio") {
    percept.mutable_audio()->set_data(*std::move(data));
    percept.mutable_audio()->set_media_type(media_type);
  } else if (wanted == "video") {
    percept.mutable_video()->set_data(*std::move(data));
    percept.mutable_video()->set_media_type(media_type);
  } else {
    if (!IsUtf8(*data)) return BadField(path, "it is no UTF-8", "convert it");
    percept.mutable_text()->set_text(*std::move(data));
  }
  return percept;
}

absl::StatusOr<v1::Percept> PerceptFromFields(const Json& value, const std::string& where,
                                              const std::string& folder) {
  const absl::StatusOr<Fields> fields = Fields::Of(value, where);
  if (!fields.ok()) return fields.status();
  absl::Status checked = CheckKeys(*fields);
  if (!checked.ok()) return checked;
  const absl::StatusOr<std::string> modality = fields->Text("modality");
  if (!modality.ok()) return modality.status();
  if (fields->Has("file")) {
    const absl::StatusOr<std::string> file = fields->Text("file");
    if (!file.ok()) return file.status();
    const absl::StatusOr<std::string> kind = fields->Text("kind");
    if (!kind.ok()) return kind.status();
    const std::filesystem::path path = std::filesystem::path(folder) / *file;
    absl::StatusOr<v1::Percept> percept = PerceptFromFile(*modality, path.string(), *kind);
    if (percept.ok()) {
      const absl::Status shaped = FillShape(*fields, &*percept);
      if (!shaped.ok()) return shaped;
      return percept;
    }
    return absl::Status(percept.status().code(),
                        absl::StrCat(fields->PathOf("file"), ": ", percept.status().message()));
  }
  v1::Percept percept;
  percept.set_modality(*modality);
  absl::Status filled = FillPayload(*fields, &percept);
  if (!filled.ok()) return filled;
  return percept;
}

absl::Status AppendPercepts(const Fields& fields, const std::string& folder,
                            google::protobuf::RepeatedPtrField<v1::Percept>* out) {
  absl::Status required = fields.Require("percepts");
  if (!required.ok()) return required;
  const Json& list = fields.At("percepts");
  const std::string where = fields.PathOf("percepts");
  if (!list.is_array() || list.empty()) {
    return BadField(where, "it is " + (list.is_array() ? "empty" : KindOf(list)),
                    "give a list of percepts, at least one");
  }
  for (size_t i = 0; i < list.size(); ++i) {
    absl::StatusOr<v1::Percept> percept =
        PerceptFromFields(list[i], absl::StrCat(where, "[", i, "]"), folder);
    if (!percept.ok()) return percept.status();
    *out->Add() = *std::move(percept);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Percept> PerceptFromJson(std::string_view json, const std::string& folder) {
  const absl::StatusOr<Json> value = ParseJson(json);
  if (!value.ok()) return value.status();
  return PerceptFromFields(*value, "percept", folder);
}

std::string ModalityOf(const v1::Percept& percept) {
  if (!percept.modality().empty()) return percept.modality();
  switch (percept.payload_case()) {
    case v1::Percept::kText:
      return "text";
    case v1::Percept::kAudio:
      return "audio";
    case v1::Percept::kImage:
      return "image";
    case v1::Percept::kVideo:
      return "video";
    case v1::Percept::kSeries:
      return "series";
    case v1::Percept::kVector:
      return "vector";
    case v1::Percept::PAYLOAD_NOT_SET:
      break;
  }
  return "";
}

}  // namespace mixmatch::client
