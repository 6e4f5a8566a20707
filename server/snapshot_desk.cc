// Facts are taken before the copy is made: it holds at least what they say.
#include "server/snapshot_desk.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/version.h"

namespace mixmatch {
namespace {

constexpr size_t kQueue = 16;
constexpr absl::Duration kLook = absl::Seconds(1);  // how often the clock is looked at
constexpr char kScheduled[] = "scheduled-";

std::string NameAt(std::string_view prefix, absl::Time time) {
  return absl::StrCat(std::string(prefix),
                      absl::FormatTime("%Y%m%dT%H%M%SZ", time, absl::UTCTimeZone()));
}

}  // namespace

SnapshotDesk::SnapshotDesk(const Config& config, const Parts& parts)
    : config_(config), parts_(parts), snapshots_(config.data_dir) {
  pool_ = std::make_unique<WorkerPool>(1, kQueue, [] {});
  if (parts.damage.ok() && config.snapshots.every != absl::InfiniteDuration()) {
    scheduler_ = std::thread([this] { Schedule(); });
  }
}

SnapshotDesk::~SnapshotDesk() {
  {
    const absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  if (scheduler_.joinable()) scheduler_.join();
  pool_.reset();
}

absl::StatusOr<Snapshot> SnapshotDesk::Make(const std::string& name,
                                            const SnapshotProgress& progress) {
  MM_RETURN_IF_ERROR(parts_.damage);
  MM_RETURN_IF_ERROR(parts_.disk->Check("snapshot not made"));
  const SnapshotFacts facts{.create_time = parts_.clock->Now(),
                            .last_seq = parts_.log->last_seq(),
                            .event_count = parts_.log->event_count(),
                            .generation = parts_.generations->serving()->number,
                            .program_version = kVersion};
  auto made =
      snapshots_.Create(*parts_.database, name.empty() ? NameAt("", facts.create_time) : name,
                        facts, [this, &progress](uint64_t done, uint64_t total) {
                          const absl::MutexLock lock(&mu_);
                          return !stop_ && (progress == nullptr || progress(done, total));
                        });
  if (made.ok()) {
    spdlog::info("snapshot {}: {} events, {} bytes", made->name, made->event_count, made->bytes);
  }
  return made;
}

absl::Status SnapshotDesk::Create(const std::string& name, SnapshotProgress progress, Done done) {
  const bool queued = pool_->Submit([this, name, progress = std::move(progress),
                                     done = std::move(done)] { done(Make(name, progress)); });
  if (queued) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "snapshot not made: too many wait to be made or checked; try again later");
}

absl::Status SnapshotDesk::Verify(const std::string& name, SnapshotProgress progress, Done done) {
  const bool queued =
      pool_->Submit([this, name, progress = std::move(progress), done = std::move(done)] {
        const absl::Status status =
            snapshots_.Verify(name, [this, &progress](uint64_t read, uint64_t total) {
              const absl::MutexLock lock(&mu_);
              return !stop_ && (progress == nullptr || progress(read, total));
            });
        done(status.ok() ? snapshots_.Get(name) : status);
      });
  if (queued) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "snapshot not checked: too many wait to be made or checked; try again later");
}

absl::StatusOr<std::vector<Snapshot>> SnapshotDesk::List(std::vector<std::string>& damaged) const {
  return snapshots_.List(&damaged);
}

absl::Status SnapshotDesk::Delete(const std::string& name) {
  MM_RETURN_IF_ERROR(snapshots_.Delete(name));
  spdlog::info("snapshot {} is deleted", name);
  return absl::OkStatus();
}

absl::StatusOr<Snapshot> SnapshotDesk::Restore(const std::string& name) {
  MM_RETURN_IF_ERROR(snapshots_.AskForRestore(name));
  MM_ASSIGN_OR_RETURN(Snapshot snapshot, snapshots_.Get(name));
  spdlog::info("snapshot {} is to be restored: starting anew", name);
  parts_.restart();
  return snapshot;
}

absl::Status SnapshotDesk::MakeScheduled() {
  MM_ASSIGN_OR_RETURN(std::vector<Snapshot> all, snapshots_.List());
  std::erase_if(all, [](const Snapshot& one) { return !absl::StartsWith(one.name, kScheduled); });
  const absl::Time now = parts_.clock->Now();
  if (!all.empty() && now - all.front().create_time < config_.snapshots.every) {
    return absl::OkStatus();
  }
  MM_RETURN_IF_ERROR(Make(NameAt(kScheduled, now), nullptr).status());
  for (size_t i = config_.snapshots.keep - 1; i < all.size(); ++i) {
    MM_RETURN_IF_ERROR(Delete(all[i].name));
  }
  return absl::OkStatus();
}

void SnapshotDesk::Schedule() {
  absl::Status health;
  while (true) {
    {
      const absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&stop_), kLook)) return;
    }
    const absl::Status made = MakeScheduled();
    if (!made.ok() && made != health) {
      spdlog::error("scheduled snapshot: {}", std::string(made.message()));
    }
    health = made;
  }
}

}  // namespace mixmatch
