// Periods of the stream as columns of a table: few enough to fit on a terminal.
//
// Takes the API's report; merges neighbouring periods, weighted by probes, until they fit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mixmatch/v1/admin.pb.h"

namespace mixmatch::cli {

inline constexpr size_t kPeriodColumnsMax = 8;

struct PeriodColumns {
  uint64_t length = 0;                   // closed episodes of one
  std::vector<uint64_t> first_ordinals;  // at most kPeriodColumnsMax
};

PeriodColumns PeriodColumnsOf(const v1::GetLearningReportResponse& report);

// One score for each column; none where it has no probes.
std::vector<std::optional<double>> ScoresOf(const v1::Judgement& judgement,
                                            const PeriodColumns& columns);

}  // namespace mixmatch::cli
