// Counts, writes down, and leaves the rest to the next start.
#include "server/forget_desk.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert.h"
#include "storage/forgetting.h"

namespace mixmatch {
namespace {

constexpr size_t kEventsMax = 1'000'000;

}  // namespace

absl::StatusOr<std::vector<Seq>> ForgetDesk::Resolve(const v1::ForgetRequest& request) const {
  MM_ASSIGN_OR_RETURN(const EventFilter filter, FromProto(request.filter()));
  if (request.events().empty() == filter.empty()) {
    return InvalidField(
        "events", "nothing forgotten: name events, or a filter that is not empty; one of them");
  }
  std::vector<Seq> events;
  for (const v1::EventKey& key : request.events()) {
    MM_ASSIGN_OR_RETURN(events.emplace_back(), parts_.log->Find(key.source(), key.event_id()));
  }
  if (!filter.empty()) {
    MM_ASSIGN_OR_RETURN(events, parts_.log->Resolve(filter));
  }
  if (events.size() > kEventsMax) {
    return absl::ResourceExhaustedError(absl::StrCat("nothing forgotten: ", events.size(),
                                                     " events at once; ask for at most ",
                                                     kEventsMax, ", by time for example"));
  }
  std::sort(events.begin(), events.end());
  return events;
}

absl::StatusOr<v1::ForgetResponse> ForgetDesk::Forget(const v1::ForgetRequest& request) {
  const absl::MutexLock lock(&mu_);
  MM_ASSIGN_OR_RETURN(const std::vector<Seq> events, Resolve(request));
  MM_ASSIGN_OR_RETURN(const ForgetCounts counts, CountToForget(parts_.database, events));
  v1::ForgetResponse response;
  response.set_event_count(counts.events);
  response.set_percept_count(counts.percepts);
  response.set_lesson_count(counts.lessons);
  response.set_episode_count(counts.episodes);
  if (counts.events == 0) return response;
  for (const GenerationRecord& record : parts_.generations->records()) {
    if (record.number > 0 && parts_.generations->embedding_count(record.number) > 0) {
      response.add_generations(record.number);
    }
  }
  // Which of them hold the events is not known for sure: numbers go back when a copy is restored.
  // They go first: where one does not, the whole request can be made again. Not where nothing could
  // be written down after them.
  const bool purges = request.purge_copies() && !request.dry_run();
  if (purges) MM_RETURN_IF_ERROR(parts_.database->health());
  const auto copies = purges ? parts_.copies->Purge() : parts_.copies->ListCopies();
  if (!copies.ok()) {
    return absl::Status(copies.status().code(),
                        absl::StrCat("nothing forgotten: ", copies.status().message()));
  }
  response.mutable_snapshots()->Add(copies->snapshots.begin(), copies->snapshots.end());
  response.mutable_backups()->Add(copies->backups.begin(), copies->backups.end());
  if (request.dry_run()) return response;
  const absl::Status asked =
      AskToForget(parts_.database, events,
                  {.again_allowed = request.allow_again(), .new_learner = request.retrain()},
                  parts_.clock->Now());
  if (!asked.ok()) {
    if (purges) parts_.copies->Resume();
    return asked;
  }
  spdlog::info("{} events are to be forgotten: starting anew", counts.events);
  response.set_restarts(true);
  parts_.restart();
  return response;
}

}  // namespace mixmatch
