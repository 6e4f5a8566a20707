// `format.json`, which is written last: says that a folder is an export, and how much is in it, so
// that a file that is gone or ends early is not taken for all that there was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/ids.h"

namespace mixmatch {

struct ExportExtent {
  std::map<std::string, uint64_t> lines;  // of each NAME.jsonl that was written, by its name
  Seq last_seq = 0;                       // of the log; 0: it is empty

  // DATA_LOSS unless NAME.jsonl was written with so many lines.
  absl::Status CheckLines(std::string_view name, uint64_t lines_read) const;
};

// On the disk when it returns. RESOURCE_EXHAUSTED, INTERNAL.
absl::Status WriteFormat(const std::string& folder, const ExportExtent& extent);

// nullopt: an export of an earlier build, which does not say how much there is. NOT_FOUND where the
// folder is no export, or one that was cut off; INVALID_ARGUMENT when it is of a newer version;
// DATA_LOSS.
absl::StatusOr<std::optional<ExportExtent>> ReadFormat(const std::string& folder);

}  // namespace mixmatch
