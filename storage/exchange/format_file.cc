// One line of JSON.
#include "storage/exchange/format_file.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/exchange/event_json.h"
#include "storage/exchange/exchange.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

std::string PathIn(const std::string& folder) { return folder + "/format.json"; }

}  // namespace

absl::Status ExportExtent::CheckLines(std::string_view name, uint64_t lines_read) const {
  const std::string file = std::string(name) + ".jsonl";
  const auto written = lines.find(std::string(name));
  if (written == lines.end()) {
    return absl::DataLossError(absl::StrCat("nothing imported: format.json does not name ", file,
                                            "; take the folder from another copy"));
  }
  if (written->second == lines_read) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("nothing imported: ", file, " has ", lines_read,
                                          " lines and was exported with ", written->second,
                                          "; take the folder from another copy"));
}

absl::Status WriteFormat(const std::string& folder, const ExportExtent& extent) {
  const Json json = {{"format", kExchangeFormat},
                     {"version", kExchangeVersion},
                     {"last_sequence", extent.last_seq},
                     {"lines", extent.lines}};
  return ReplaceFile(PathIn(folder), json.dump() + "\n");
}

absl::StatusOr<std::optional<ExportExtent>> ReadFormat(const std::string& folder) {
  const absl::StatusOr<std::string> text = ReadWholeFile(PathIn(folder));
  const Json json = Json::parse(text.ok() ? *text : "", nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("format", Json()) != kExchangeFormat) {
    return absl::NotFoundError(
        absl::StrCat("nothing imported: ", folder, " holds no export, or one that was cut off"));
  }
  if (json.value("version", Json()) != kExchangeVersion) {
    return absl::InvalidArgumentError(absl::StrCat(
        "nothing imported: the export is of version ", json.value("version", Json()).dump(),
        "; this program reads version ", kExchangeVersion, "; use a newer program"));
  }
  if (!json.contains("lines") && !json.contains("last_sequence")) return std::nullopt;
  ExportExtent extent;
  try {
    json.at("lines").get_to(extent.lines);
    json.at("last_sequence").get_to(extent.last_seq);
  } catch (const Json::exception& e) {
    return absl::DataLossError(absl::StrCat("nothing imported: format.json is not what was ",
                                            "exported: ", e.what(),
                                            "; take the folder from another copy"));
  }
  return extent;
}

}  // namespace mixmatch
