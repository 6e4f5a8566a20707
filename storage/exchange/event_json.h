// Events as objects of JSON, in the format of clients/MANIFEST.md, with their media in files
// beside.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/event.h"

namespace mixmatch {

using Json = nlohmann::ordered_json;

// Media, each content once, named by its hash.
// Thread-safety: Not thread-safe: one owner thread.
class MediaFolder {
 public:
  // `folder`: that of the export, in which "media" lies.
  explicit MediaFolder(std::string folder) : folder_(std::move(folder)) {}

  // Writes `data` and returns its path inside the folder. INTERNAL.
  absl::StatusOr<std::string> Put(const std::string& data, const std::string& extension);
  // Reads what Put wrote. INVALID_ARGUMENT for a path that leads out of the folder; NOT_FOUND;
  // DATA_LOSS when the content is not what its name says.
  absl::StatusOr<std::string> Get(const std::string& path) const;

 private:
  const std::string folder_;
};

// An event of any payloads. A dropped one has "dropped": true in its place.
absl::StatusOr<Json> EventToJson(const Event& event, MediaFolder& media);
// Exactly the event that was written. INVALID_ARGUMENT says what is wrong.
absl::StatusOr<Event> EventFromJson(const Json& json, const MediaFolder& media);

}  // namespace mixmatch
