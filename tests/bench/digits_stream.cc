// Media files are perceived once, however often the stream names them.
#include "tests/bench/digits_stream.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/media/sense.h"

namespace mixmatch {
namespace {

using nlohmann::json;

class Perceiver {
 public:
  explicit Perceiver(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<TrainingPercept> Take(const json& entry) {
    const std::string key = entry.value("file", "") + "|" + entry.value("text", "");
    if (const auto it = known_.find(key); it != known_.end()) return it->second;
    Percept percept;
    percept.modality = entry.at("modality");
    if (percept.modality == "text") {
      percept.payload = TextPayload{entry.at("text")};
    } else {
      MM_ASSIGN_OR_RETURN(std::string data, Slurp(entry.at("file")));
      if (percept.modality == "image") {
        percept.payload = ImagePayload{.data = std::move(data)};
      } else {
        percept.payload = AudioPayload{.data = std::move(data)};
      }
    }
    TrainingPercept taken;
    taken.modality = SpecOf(percept);
    MM_ASSIGN_OR_RETURN(taken.features, Perceive(percept, SenseLimits{}));
    return known_[key] = taken;
  }

 private:
  absl::StatusOr<std::string> Slurp(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    if (!file) return absl::NotFoundError(absl::StrCat(folder_, "/", name, ": cannot be read"));
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  const std::string folder_;
  std::map<std::string, TrainingPercept> known_;
};

absl::StatusOr<std::vector<json>> ReadLines(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read; export it first"));
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace

std::string DigitsQuery::Pair() const {
  std::vector<std::string> names;
  for (const TrainingPercept& percept : percepts) names.push_back(percept.modality.name);
  std::sort(names.begin(), names.end());
  std::string pair;
  for (const std::string& name : names) absl::StrAppend(&pair, pair.empty() ? "" : "+", name);
  return absl::StrCat(pair, " -> ", want);
}

absl::StatusOr<DigitsStream> DigitsStream::Read(const std::string& folder) {
  DigitsStream stream;
  Perceiver perceiver(folder);
  std::map<std::string, size_t> episode_of;
  for (int part = 0;; ++part) {
    const std::string path = absl::StrFormat("%s/stream-%02d.jsonl", folder, part);
    if (part > 0 && !std::filesystem::exists(path)) break;
    MM_ASSIGN_OR_RETURN(const std::vector<json> lines, ReadLines(path));
    for (const json& event : lines) {
      const auto [it, fresh] =
          episode_of.try_emplace(event.at("event_id"), stream.episodes_.size());
      if (fresh) stream.episodes_.push_back({.id = it->second});
      for (const json& entry : event.at("percepts")) {
        MM_ASSIGN_OR_RETURN(TrainingPercept percept, perceiver.Take(entry));
        percept.time =
            absl::FromUnixMillis(static_cast<int64_t>(event.at("time").get<double>() * 1e3));
        stream.episodes_[it->second].percepts.push_back(percept);
        stream.percepts_.push_back({percept, event.at("metadata").at("digit")});
      }
    }
  }
  MM_ASSIGN_OR_RETURN(const std::vector<json> lines, ReadLines(folder + "/queries.jsonl"));
  for (const json& line : lines) {
    DigitsQuery query;
    for (const json& entry : line.at("percepts")) {
      MM_ASSIGN_OR_RETURN(TrainingPercept percept, perceiver.Take(entry));
      query.percepts.push_back(std::move(percept));
    }
    query.want = line.at("want");
    query.digit = line.at("relevant").at("metadata").at("digit");
    stream.queries_.push_back(std::move(query));
  }
  return stream;
}

absl::Status DigitsStream::ListClosed(uint64_t first, uint64_t limit,
                                      std::vector<ClosedEpisode>& episodes) const {
  for (uint64_t i = first; i < std::min<uint64_t>(first + limit, episodes_.size()); ++i) {
    episodes.push_back({.id = i, .probe = false});
  }
  return absl::OkStatus();
}

absl::Status DigitsStream::Load(std::span<const EpisodeId> ids,
                                std::vector<TrainingEpisode>& episodes) const {
  for (const EpisodeId id : ids) {
    if (id >= episodes_.size()) return absl::NotFoundError(absl::StrCat("episode ", id));
    episodes.push_back(episodes_[id]);
  }
  return absl::OkStatus();
}

}  // namespace mixmatch
