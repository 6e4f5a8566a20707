// The report on learning as a picture.
//
// Takes the API's report; gives SVG: the loss per pair over steps, the mean probe score over steps
// with what was published and refused, the score of each period over the judgements. It asks
// nobody.
#pragma once

#include <string>

#include "mixmatch/v1/admin.pb.h"

namespace mixmatch::cli {

std::string LearningSvg(const v1::GetLearningReportResponse& report);

// "0 - 1,023": the closed episodes of a period.
std::string PeriodText(const v1::PeriodScore& period);

}  // namespace mixmatch::cli
