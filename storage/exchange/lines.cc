// nlohmann's text, protobuf's mapping.
#include "storage/exchange/lines.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {

absl::Status LineWriter::Write(const Json& json) {
  try {
    out_ << json.dump() << '\n';
  } catch (const Json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat(path_, " not written: ", e.what()));
  }
  ++lines_;
  return absl::OkStatus();
}

absl::Status LineWriter::Close() {
  out_.close();
  if (out_) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(path_, " not written; check the space that is left"));
}

absl::StatusOr<std::optional<Json>> LineReader::Next() {
  std::string line;
  if (!in_.is_open()) {
    return absl::DataLossError(absl::StrCat(
        path_, " cannot be opened; check that it is there and who may read it, or take the folder ",
        "from another copy"));
  }
  if (!std::getline(in_, line)) {
    if (!in_.bad()) return std::nullopt;
    return absl::DataLossError(absl::StrCat(path_, " cannot be read behind line ", line_,
                                            "; take the folder from another copy"));
  }
  ++line_;
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Wrong(absl::InvalidArgumentError("no object of JSON"));
  return json;
}

absl::Status LineReader::Wrong(const absl::Status& status) const {
  return absl::Status(status.code(), absl::StrCat(path_, ", line ", line_, ": ", status.message()));
}

absl::Status EachLine(LineReader& reader, const std::function<absl::Status(const Json&)>& take) {
  while (true) {
    MM_ASSIGN_OR_RETURN(const std::optional<Json> json, reader.Next());
    if (!json) return absl::OkStatus();
    absl::Status taken;
    try {
      taken = take(*json);
    } catch (const Json::exception& e) {
      taken = absl::InvalidArgumentError(e.what());
    }
    if (!taken.ok()) return reader.Wrong(taken);
  }
}

absl::StatusOr<Json> RecordToJson(const google::protobuf::Message& record) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(record, &text, options);
  if (!status.ok()) return absl::InternalError(status.ToString());
  return Json::parse(text);
}

absl::Status RecordFromJson(const Json& json, google::protobuf::Message& record) {
  const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), &record);
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("record not read: ", status.ToString()));
}

}  // namespace mixmatch
