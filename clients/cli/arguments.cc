// From words on the command line to the API's messages.
#include "clients/cli/arguments.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/manifest/line_reader.h"
#include "clients/manifest/percepts.h"
#include "clients/manifest/times.h"

namespace mixmatch::cli {
namespace {

constexpr uintmax_t kVectorFileBytesMax = 1 << 20;

absl::Status Bad(const std::string& option, const std::string& value, const std::string& reason) {
  return absl::InvalidArgumentError(absl::StrCat(option, " ", value, ": ", reason));
}

// MODALITY=REST, or just REST with an empty modality. A modality is [a-z0-9_.-]+.
std::pair<std::string, std::string> SplitModality(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return {"", text};
  const bool named =
      std::all_of(text.begin(), text.begin() + static_cast<ptrdiff_t>(equals), [](unsigned char c) {
        return std::islower(c) || std::isdigit(c) || c == '_' || c == '.' || c == '-';
      });
  if (!named) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat(path, ": ", error.message()));
  if (bytes > kVectorFileBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": it has ", bytes, " bytes, at most ", kVectorFileBytesMax));
  }
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Numbers parted by commas or white space, in brackets or not.
absl::Status AppendNumbers(const std::string& text, v1::Vector* vector) {
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar("[], \t\r\n"), absl::SkipEmpty())) {
    float number = 0;
    if (!absl::SimpleAtof(word, &number) || !std::isfinite(number)) {
      return absl::InvalidArgumentError(absl::StrCat("'", word, "' is no number"));
    }
    vector->add_values(number);
  }
  if (vector->values().empty()) return absl::InvalidArgumentError("there are no numbers");
  return absl::OkStatus();
}

absl::StatusOr<v1::Percept> VectorPercept(const std::string& argument) {
  const auto [modality, rest] = SplitModality(argument);
  v1::Percept percept;
  percept.set_modality(modality);
  std::string text = rest;
  std::error_code error;
  if (std::filesystem::is_regular_file(rest, error)) {
    absl::StatusOr<std::string> read = ReadText(rest);
    if (!read.ok()) return read.status();
    text = *std::move(read);
  }
  const absl::Status filled = AppendNumbers(text, percept.mutable_vector());
  if (!filled.ok()) {
    return Bad("--vector", argument,
               absl::StrCat(filled.message(), "; give numbers such as 0.5,1,-2 or a file"));
  }
  return percept;
}

absl::StatusOr<v1::Percept> NamedPercept(const std::string& argument) {
  const auto [modality, value] = SplitModality(argument);
  if (modality.empty()) return Bad("--percept", argument, "no modality; give MODALITY=FILE");
  const bool is_inline = absl::StartsWith(value, "{");
  if (!is_inline && std::filesystem::path(value).extension() != ".json") {
    return client::PerceptFromFile(modality, value, "");
  }
  absl::StatusOr<std::string> json = value;
  if (!is_inline) json = ReadText(value);
  if (!json.ok()) return json.status();
  absl::StatusOr<v1::Percept> percept =
      client::PerceptFromJson(*json, is_inline ? "." : client::FolderOf(value));
  if (!percept.ok()) return Bad("--percept", argument, std::string(percept.status().message()));
  percept->set_modality(modality);
  return percept;
}

absl::Status FillTime(const std::string& option, const std::string& text,
                      google::protobuf::Timestamp* time) {
  absl::StatusOr<google::protobuf::Timestamp> parsed = client::TimestampFromArgument(text);
  if (!parsed.ok()) return Bad(option, text, std::string(parsed.status().message()));
  *time = *std::move(parsed);
  return absl::OkStatus();
}

}  // namespace

CLI::Option* AddRepeatable(CLI::App* command, const std::string& name,
                           std::vector<std::string>* values, const std::string& help) {
  return command->add_option(name, *values, help)->allow_extra_args(false);
}

v1::EventKey ParseKey(const std::string& text) {
  v1::EventKey key;
  const size_t slash = text.find('/');
  if (slash == std::string::npos) {
    key.set_event_id(text);
  } else {
    key.set_source(text.substr(0, slash));
    key.set_event_id(text.substr(slash + 1));
  }
  return key;
}

void PerceptArguments::AddTo(CLI::App* command, const std::string& prefix) {
  const std::string dashes = "--" + prefix;
  AddRepeatable(command, dashes + "text", &texts, "Words");
  AddRepeatable(command, dashes + "image", &images, "Image FILE");
  AddRepeatable(command, dashes + "audio", &audios, "Audio FILE");
  AddRepeatable(command, dashes + "vector", &vectors,
                "[MODALITY=]NUMBERS such as 0.5,1,-2, or a FILE");
  AddRepeatable(
      command, dashes + "percept", &percepts,
      "MODALITY=FILE, a .json FILE holding a percept as in a manifest; or that JSON itself: "
      "word={\"text\":\"three\"}");
}

bool PerceptArguments::empty() const {
  return texts.empty() && images.empty() && audios.empty() && vectors.empty() && percepts.empty();
}

absl::StatusOr<v1::PerceptMixture> PerceptArguments::Build() const {
  std::vector<absl::StatusOr<v1::Percept>> built;
  for (const std::string& text : texts) {
    v1::Percept percept;
    percept.mutable_text()->set_text(text);
    built.emplace_back(std::move(percept));
  }
  for (const std::string& path : images)
    built.push_back(client::PerceptFromFile("", path, "image"));
  for (const std::string& path : audios)
    built.push_back(client::PerceptFromFile("", path, "audio"));
  for (const std::string& vector : vectors) built.push_back(VectorPercept(vector));
  for (const std::string& percept : percepts) built.push_back(NamedPercept(percept));
  v1::PerceptMixture mixture;
  for (absl::StatusOr<v1::Percept>& percept : built) {
    if (!percept.ok()) return percept.status();
    *mixture.add_percepts() = *std::move(percept);
  }
  return mixture;
}

void FilterArguments::AddTo(CLI::App* command) {
  AddRepeatable(command, "--source", &sources, "Events of this source; more than once: any");
  AddRepeatable(command, "--scene", &scenes, "Events of this scene; more than once: any");
  AddRepeatable(command, "--filter", &metadata,
                "KEY=VALUE of the metadata; other keys must hold too, the same key: any value");
  AddRepeatable(command, "--taught", &taught,
                "SKILL=LABEL: events that the skill was taught so; SKILL alone: with anything");
  command->add_option("--after", after, "Event time from this on (RFC 3339 or seconds)");
  command->add_option("--before", before, "Event time before this");
  command->add_option("--ingested-after", ingested_after, "Stored from this time on");
  command->add_option("--ingested-before", ingested_before, "Stored before this time");
}

absl::StatusOr<v1::Filter> FilterArguments::Build() const {
  v1::Filter filter;
  filter.mutable_sources()->Add(sources.begin(), sources.end());
  filter.mutable_scenes()->Add(scenes.begin(), scenes.end());
  std::map<std::string, v1::MetadataCondition*> conditions;
  for (const std::string& entry : metadata) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Bad("--filter", entry, "no key; give KEY=VALUE");
    }
    v1::MetadataCondition*& condition = conditions[entry.substr(0, equals)];
    if (condition == nullptr) {
      condition = filter.add_metadata();
      condition->set_key(entry.substr(0, equals));
    }
    condition->add_values(entry.substr(equals + 1));
  }
  std::map<std::string, v1::TaughtCondition*> lessons;
  for (const std::string& entry : taught) {
    const size_t equals = entry.find('=');
    const std::string skill = entry.substr(0, equals);
    if (skill.empty()) return Bad("--taught", entry, "no skill; give SKILL=LABEL");
    v1::TaughtCondition*& condition = lessons[skill];
    if (condition == nullptr) {
      condition = filter.add_taught();
      condition->set_skill(skill);
    }
    if (equals != std::string::npos) condition->add_labels(entry.substr(equals + 1));
  }
  const auto fill = [](const char* option, const std::string& text, auto&& target) {
    return text.empty() ? absl::OkStatus() : FillTime(option, text, target());
  };
  for (const absl::Status& filled :
       {fill("--after", after, [&] { return filter.mutable_time()->mutable_start(); }),
        fill("--before", before, [&] { return filter.mutable_time()->mutable_end(); }),
        fill("--ingested-after", ingested_after,
             [&] { return filter.mutable_ingest_time()->mutable_start(); }),
        fill("--ingested-before", ingested_before,
             [&] { return filter.mutable_ingest_time()->mutable_end(); })}) {
    if (!filled.ok()) return filled;
  }
  return filter;
}

}  // namespace mixmatch::cli
