// Queries with what counts as a right answer: JSON Lines for `mixmatchctl eval` (MANIFEST.md).
//
// Takes a line and the folder that its files start from; gives the percepts to ask with, the wanted
// modality and the conditions that a relevant answer meets. It asks nobody.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "mixmatch/v1/event.pb.h"
#include "mixmatch/v1/memory.pb.h"

namespace mixmatch::client {

// One query.
struct EvalQuery {
  v1::PerceptMixture percepts;
  std::string want;     // the wanted modality
  v1::Filter relevant;  // metadata conditions alone, each with one value; at least one
  v1::Filter filter;    // which events may answer: metadata conditions alone
  uint32_t k = 0;       // 0: not given
};

// INVALID_ARGUMENT, or NOT_FOUND for a missing file, names the field and the reason.
absl::StatusOr<EvalQuery> QueryFromLine(std::string_view line, const std::string& folder);

}  // namespace mixmatch::client
