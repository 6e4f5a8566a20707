// Percepts from JSON and from files.
//
// Takes a JSON object of the manifest's form, or a file's path; gives the API's Percept. A
// payload's kind comes from "kind" or from the file's extension, never from the modality's name. It
// decodes no media: the daemon does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "mixmatch/v1/event.pb.h"

namespace mixmatch::client {

// Larger files are refused before they are read.
inline constexpr int64_t kFileBytesMax = int64_t{64} << 20;

// A percept from the bytes of a file. `kind` is "image", "audio", "video", "text", or empty: by the
// extension. NOT_FOUND for a file that is not there; INVALID_ARGUMENT for an unknown kind or
// extension, an empty file or one that is too large.
absl::StatusOr<v1::Percept> PerceptFromFile(const std::string& modality, const std::string& path,
                                            const std::string& kind);

// A percept of the manifest's form (MANIFEST.md); files start from `folder`. INVALID_ARGUMENT names
// the field.
absl::StatusOr<v1::Percept> PerceptFromJson(std::string_view json, const std::string& folder);

// The percept's modality; for an empty one its payload kind's own name, as the daemon has it.
std::string ModalityOf(const v1::Percept& percept);

}  // namespace mixmatch::client
