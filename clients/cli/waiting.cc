// Polling the watermarks.
#include "clients/cli/waiting.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/format.h"

namespace mixmatch::cli {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(200);

}  // namespace

uint64_t WatermarkOf(const v1::Watermarks& marks, const std::string& name) {
  if (name == "recallable") return marks.recallable();
  if (name == "learned") return marks.learned();
  if (name == "served_learned") return marks.served_learned();
  return marks.durable();
}

absl::Status WaitForWatermark(const Session& session, const client::Client& client,
                              const std::string& name, uint64_t sequence) {
  const absl::Time deadline = session.timeout_s > 0 ? absl::Now() + absl::Seconds(session.timeout_s)
                                                    : absl::InfiniteFuture();
  Progress progress(session.err(), session.progress_style(), name, "");
  while (true) {
    const absl::StatusOr<v1::GetWatermarksResponse> response = client.GetWatermarks();
    if (!response.ok()) return response.status();
    const uint64_t reached = WatermarkOf(response->watermarks(), name);
    progress.Update(std::min(reached, sequence), sequence, "");
    if (reached >= sequence) return absl::OkStatus();
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "waiting for '", name, "': it is at ", reached, " of ", sequence, " after ",
          DurationText(absl::Seconds(session.timeout_s)), "; give a longer --timeout"));
    }
    absl::SleepFor(kPollEvery);
  }
}

}  // namespace mixmatch::cli
