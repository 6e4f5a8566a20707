// One thread reads, finds and counts; questions read under a lock.
#include "server/graph_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/base/thread_priority.h"
#include "core/encoder/encoder.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(500);
constexpr uint64_t kEpisodesMin = 50;    // from which concepts are looked for
constexpr double kGrowth = 1.5;          // since they were found, to find them anew
constexpr uint64_t kPointsMax = 20'000;  // that concepts are found among
constexpr uint64_t kChunk = 256;         // episodes read at once
constexpr uint64_t kPointSeed = 0x706f696e74;

}  // namespace

GraphKeeper::~GraphKeeper() { Stop(); }

void GraphKeeper::Start() {
  thread_ = std::thread([this] {
    NameThread("graph");
    SetComputeThreads(1);
    Run();
  });
}

void GraphKeeper::Stop() {
  pause_.Stop();
  if (thread_.joinable()) thread_.join();
}

absl::Status GraphKeeper::Ask(
    const std::function<absl::Status(const Graph&, const Space&)>& ask) const {
  const absl::ReaderMutexLock lock(&mu_);
  if (made_.graph == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("graph not asked: concepts are not found yet; it takes ", kEpisodesMin,
                     " closed episodes and some seconds"));
  }
  return ask(*made_.graph, *made_.space);
}

void GraphKeeper::Run() {
  // Recall and ingest come first. A refusal costs only politeness.
  (void)SetThreadPriority(ThisThread(), ThreadPriority::kLow);
  absl::Status health;
  while (true) {
    const absl::StatusOr<bool> left = Follow();
    if (left.status() != health && !left.ok() && !pause_.stopped()) {
      spdlog::error("the graph is not kept: {}", left.status().ToString());
    }
    health = left.status();
    const bool goes_on = left.ok() && *left;
    if (goes_on ? pause_.stopped() : pause_.For(kPause)) return;
  }
}

absl::StatusOr<bool> GraphKeeper::Follow() {
  const std::shared_ptr<const Space> space = parts_.generations->serving();
  const uint64_t closed = parts_.episodes->closed_count();
  std::shared_ptr<const Space> made_space;
  uint64_t next = 0;
  uint64_t found = 0;
  {
    const absl::MutexLock lock(&mu_);
    made_space = made_.space;
    next = made_.next_closed;
    found = made_.found_closed;
  }
  if (closed < kEpisodesMin) return false;
  const bool grown = static_cast<double>(closed) >= kGrowth * static_cast<double>(found);
  if (made_space == nullptr || made_space->number != space->number || grown) {
    MM_RETURN_IF_ERROR(Rebuild(space, closed));
    return true;
  }
  if (next >= closed) return false;
  const uint64_t limit = std::min(closed, next + kChunk);
  std::vector<GraphEpisode> episodes;
  MM_ASSIGN_OR_RETURN(const uint64_t reached,
                      Read(*space, next, limit, [&episodes](GraphEpisode&& episode) {
                        episodes.push_back(std::move(episode));
                      }));
  const absl::MutexLock lock(&mu_);
  for (const GraphEpisode& episode : episodes) made_.graph->Add(episode);
  made_.next_closed = reached;
  return reached == limit && reached < closed;
}

absl::Status GraphKeeper::Rebuild(const std::shared_ptr<const Space>& space, uint64_t closed) {
  MM_ASSIGN_OR_RETURN(StoredConcepts concepts, Find(*space, closed));
  Made made{.space = space, .found_closed = concepts.found_among};
  made.graph = std::make_unique<Graph>(std::move(concepts.set), parts_.associations);
  MM_ASSIGN_OR_RETURN(made.next_closed, Read(*space, 0, closed, [&made](GraphEpisode&& episode) {
                        made.graph->Add(episode);
                      }));
  const absl::MutexLock lock(&mu_);
  made_ = std::move(made);
  return absl::OkStatus();
}

absl::StatusOr<StoredConcepts> GraphKeeper::Find(const Space& space, uint64_t closed) {
  // After a restart the stored ones still hold, unless the memory grew meanwhile.
  const absl::StatusOr<StoredConcepts> stored = parts_.table->Get(space.number);
  if (stored.ok() &&
      static_cast<double>(closed) < kGrowth * static_cast<double>(stored->found_among)) {
    const absl::MutexLock lock(&mu_);
    if (made_.graph == nullptr || made_.space->number != space.number) return *stored;
  }
  const absl::StatusOr<StoredConcepts> before = parts_.table->Latest();
  if (absl::IsDataLoss(before.status())) {
    spdlog::error("stored concepts are damaged; their numbers begin anew: {}",
                  before.status().ToString());
  }
  const uint64_t percepts = std::max<uint64_t>(space.embeddings->count(), 1);
  const double share =
      std::min(1.0, static_cast<double>(kPointsMax) / static_cast<double>(percepts));
  std::vector<ConceptPoint> points;
  MM_RETURN_IF_ERROR(
      Read(space, 0, closed, [&](GraphEpisode&& episode) {
        for (GraphPercept& percept : episode.percepts) {
          const uint64_t draw = StableMix64(kPointSeed, percept.item.value);
          if (static_cast<double>(draw >> 11) * 0x1p-53 >= share) continue;
          points.push_back({percept.item, percept.modality, std::move(percept.vector)});
        }
      }).status());
  StoredConcepts found{
      .set = ConceptSet::Find(points, static_cast<size_t>(space.embeddings->dimension()),
                              before.ok() ? &before->set : nullptr,
                              {.cancelled = [this] { return pause_.stopped(); }}),
      .found_among = closed};
  if (pause_.stopped()) return absl::CancelledError("the daemon is stopping");
  spdlog::info("graph: {} concepts among {} percepts of {} episodes in generation {}",
               found.set.concepts().size(), points.size(), closed, space.number);
  // The kept generation's concepts stay, for a roll-back.
  const Generation keep_from = space.number > 2 ? space.number - 2 : 0;
  MM_RETURN_IF_ERROR(parts_.table->Put(space.number, found, keep_from));
  return found;
}

absl::StatusOr<uint64_t> GraphKeeper::Read(const Space& space, uint64_t first, uint64_t limit,
                                           const std::function<void(GraphEpisode&&)>& take) const {
  for (uint64_t at = first; at < limit;) {
    if (pause_.stopped()) return absl::CancelledError("the daemon is stopping");
    std::vector<ClosedEpisode> listed;
    MM_RETURN_IF_ERROR(parts_.episodes->ListClosed(at, std::min(kChunk, limit - at), listed));
    if (listed.empty()) return at;
    for (const ClosedEpisode& closed : listed) {
      absl::StatusOr<GraphEpisode> episode = ReadEpisode(space, closed.id);
      if (absl::IsNotFound(episode.status())) return at;
      MM_RETURN_IF_ERROR(episode.status());
      take(*std::move(episode));
      ++at;
    }
  }
  return limit;
}

absl::StatusOr<GraphEpisode> GraphKeeper::ReadEpisode(const Space& space, EpisodeId id) const {
  MM_ASSIGN_OR_RETURN(const Episode stored, parts_.episodes->Get(id));
  GraphEpisode episode{.scene = stored.scene};
  for (const EpisodeMember& member : stored.members) {
    const absl::StatusOr<LoggedEvent> event = parts_.log->Get(member.seq, Detail::kHeader);
    if (absl::IsDataLoss(event.status())) continue;  // damaged: the rest still counts
    MM_RETURN_IF_ERROR(event.status());
    for (uint32_t i = 0; i < event->event.percepts.size(); ++i) {
      const Percept& percept = event->event.percepts[i];
      MM_ASSIGN_OR_RETURN(const RegisteredModality modality,
                          parts_.log->FindModality(percept.modality));
      GraphPercept& added = episode.percepts.emplace_back();
      added.item = ItemId::ForPercept(member.seq, i);
      added.modality = modality.id;
      added.time = event->event.time;
      added.vector.resize(static_cast<size_t>(space.embeddings->dimension()));
      MM_RETURN_IF_ERROR(space.embeddings->Read(modality.id, added.item, added.vector));
      if (const auto* text = std::get_if<TextPayload>(&percept.payload)) {
        added.words = WordsOf(text->text);
      }
    }
  }
  return episode;
}

}  // namespace mixmatch
