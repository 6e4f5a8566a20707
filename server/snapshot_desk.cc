// Facts are taken before the copy is made: it holds at least what they say.
#include "server/snapshot_desk.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "core/base/thread_priority.h"
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

// One piece of work: counted while it lives, and refused where none may be done.
class SnapshotDesk::Work {
 public:
  explicit Work(SnapshotDesk& desk) : desk_(desk) {
    const absl::MutexLock lock(&desk_.mu_);
    if (desk_.stop_) {
      status_ = absl::UnavailableError("copy not made or checked: shutting down; try again");
    } else if (desk_.closed_) {
      status_ = absl::UnavailableError(
          "copy not made or checked: all copies are being deleted; try again later");
    } else {
      ++desk_.working_;
    }
  }
  ~Work() {
    if (!status_.ok()) return;
    const absl::MutexLock lock(&desk_.mu_);
    --desk_.working_;
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  const absl::Status& status() const { return status_; }

 private:
  SnapshotDesk& desk_;
  absl::Status status_;
};

SnapshotDesk::SnapshotDesk(const Config& config, const Parts& parts)
    : config_(config),
      parts_(parts),
      snapshots_(config.data_dir, config.snapshots.log_bytes),
      backups_(config.backups.dir) {
  pool_ = std::make_unique<WorkerPool>(
      WorkerPoolOptions{.name = "snapshot", .threads = 1, .queue_max = kQueue});
  if (parts.damage.ok() &&
      std::min(config.snapshots.every, config.backups.every) < absl::InfiniteDuration()) {
    scheduler_ = std::thread([this] { Schedule(); });
  }
}

void SnapshotDesk::Stop() {
  pause_.Stop();
  const absl::MutexLock lock(&mu_);
  stop_ = true;
}

SnapshotDesk::~SnapshotDesk() {
  Stop();
  if (scheduler_.joinable()) scheduler_.join();
  pool_.reset();
}

bool SnapshotDesk::stopped() {
  const absl::MutexLock lock(&mu_);
  return stop_ || closed_;
}

absl::StatusOr<SnapshotFacts> SnapshotDesk::Facts(const char* what) const {
  MM_RETURN_IF_ERROR(parts_.damage);
  MM_RETURN_IF_ERROR(parts_.disk->Check(what));
  return SnapshotFacts{.create_time = parts_.clock->Now(),
                       .last_seq = parts_.log->last_seq(),
                       .event_count = parts_.log->event_count(),
                       .generation = parts_.generations->serving()->number,
                       .program_version = kVersion};
}

absl::StatusOr<Snapshot> SnapshotDesk::Make(const std::string& name,
                                            const SnapshotProgress& progress) {
  MM_ASSIGN_OR_RETURN(const SnapshotFacts facts, Facts("snapshot not made"));
  auto made =
      snapshots_.Create(*parts_.database, name.empty() ? NameAt("", facts.create_time) : name,
                        facts, [this, &progress](uint64_t done, uint64_t total) {
                          return !stopped() && (progress == nullptr || progress(done, total));
                        });
  if (made.ok()) {
    spdlog::info("snapshot {}: {} events, {} bytes", made->name, made->event_count, made->bytes);
  }
  return made;
}

absl::StatusOr<Backup> SnapshotDesk::MakeBackup(const Backups::Progress& progress) {
  MM_ASSIGN_OR_RETURN(const SnapshotFacts facts, Facts("backup not made"));
  auto made = backups_.Create(*parts_.database, facts, [this, &progress](uint64_t done) {
    return !stopped() && (progress == nullptr || progress(done));
  });
  if (made.ok()) {
    spdlog::info("backup {}: {} events, {} bytes", made->id, made->facts.event_count, made->bytes);
  }
  return made;
}

absl::Status SnapshotDesk::CreateBackup(Backups::Progress progress, BackupDone done) {
  return pool_->Submit([this, progress = std::move(progress), done = std::move(done)](bool) {
    const Work work(*this);
    done(work.status().ok() ? MakeBackup(progress) : work.status());
  });
}

absl::Status SnapshotDesk::VerifyBackup(uint32_t id,
                                        std::function<void(const absl::Status&)> done) {
  return pool_->Submit([this, id, done = std::move(done)](bool) {
    const Work work(*this);
    done(work.status().ok() ? backups_.Verify(id, [this](uint64_t /*read*/) { return !stopped(); })
                            : work.status());
  });
}

absl::Status SnapshotDesk::FetchBackup(uint32_t id, SnapshotProgress progress, Done done) {
  if (parts_.disk != nullptr) MM_RETURN_IF_ERROR(parts_.disk->Check("backup not brought back"));
  return pool_->Submit([this, id, progress = std::move(progress), done = std::move(done)](bool) {
    const Work work(*this);
    const auto go_on = [this, &progress](uint64_t read, uint64_t total) {
      return !stopped() && (progress == nullptr || progress(read, total));
    };
    done(work.status().ok() ? backups_.Fetch(id, snapshots_, absl::StrCat("backup-", id), go_on)
                            : work.status());
  });
}

absl::StatusOr<std::vector<Backup>> SnapshotDesk::ListBackups(
    std::vector<uint32_t>& damaged) const {
  return backups_.List(&damaged);
}

absl::Status SnapshotDesk::DeleteBackup(uint32_t id) {
  MM_RETURN_IF_ERROR(backups_.Delete(id));
  spdlog::info("backup {} is deleted", id);
  return absl::OkStatus();
}

absl::Status SnapshotDesk::Create(const std::string& name, SnapshotProgress progress, Done done) {
  return pool_->Submit([this, name, progress = std::move(progress), done = std::move(done)](bool) {
    const Work work(*this);
    done(work.status().ok() ? Make(name, progress) : work.status());
  });
}

absl::Status SnapshotDesk::Verify(const std::string& name, SnapshotProgress progress, Done done) {
  return pool_->Submit([this, name, progress = std::move(progress), done = std::move(done)](bool) {
    const Work work(*this);
    const auto go_on = [this, &progress](uint64_t read, uint64_t total) {
      return !stopped() && (progress == nullptr || progress(read, total));
    };
    const absl::Status status = work.status().ok() ? snapshots_.Verify(name, go_on) : work.status();
    done(status.ok() ? snapshots_.Get(name) : status);
  });
}

absl::StatusOr<SnapshotDesk::Copies> SnapshotDesk::ListCopies(absl::Duration patience) const {
  Copies copies;
  MM_ASSIGN_OR_RETURN(const std::vector<Snapshot> snapshots, snapshots_.List(&copies.snapshots));
  for (const Snapshot& snapshot : snapshots) copies.snapshots.push_back(snapshot.name);
  if (config_.backups.dir.empty()) return copies;
  MM_ASSIGN_OR_RETURN(const std::vector<Backup> backups, backups_.List(&copies.backups, patience));
  for (const Backup& backup : backups) copies.backups.push_back(backup.id);
  return copies;
}

absl::Status SnapshotDesk::Close() {
  const absl::MutexLock lock(&mu_);
  closed_ = true;
  const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return working_ == 0 || stop_; };
  if (mu_.AwaitWithTimeout(absl::Condition(&ended), parts_.purge_patience) && !stop_) {
    return absl::OkStatus();
  }
  closed_ = false;
  return absl::UnavailableError(
      "copies not deleted: one is still being made or checked; ask again");
}

absl::Status SnapshotDesk::DeleteAll(const Copies& copies) {
  absl::Status first;
  std::vector<std::string> left;
  const auto note = [&](std::string copy, const absl::Status& deleted) {
    if (deleted.ok() || absl::IsNotFound(deleted)) return;
    absl::StrAppend(&copy, " (", deleted.message(), ")");
    left.push_back(std::move(copy));
    first.Update(deleted);
  };
  for (const std::string& name : copies.snapshots) {
    note(absl::StrCat("snapshot '", name, "'"), snapshots_.Delete(name));
  }
  for (const uint32_t id : copies.backups) {
    note(absl::StrCat("backup ", id), backups_.Delete(id, parts_.purge_patience));
  }
  if (left.empty()) return absl::OkStatus();
  const std::string text = absl::StrCat("copies not deleted: ", absl::StrJoin(left, ", "),
                                        "; delete them by hand, or ask again");
  return absl::IsUnavailable(first) ? absl::UnavailableError(text)
                                    : absl::FailedPreconditionError(text);
}

absl::StatusOr<SnapshotDesk::Copies> SnapshotDesk::Purge() {
  MM_RETURN_IF_ERROR(Close());
  absl::StatusOr<Copies> copies = ListCopies(parts_.purge_patience);
  if (copies.ok()) {
    const absl::Status deleted = DeleteAll(*copies);
    if (!deleted.ok()) copies = deleted;
  }
  if (!copies.ok()) {
    Resume();
    return copies;
  }
  spdlog::info("all copies are deleted: {} snapshots, {} backups", copies->snapshots.size(),
               copies->backups.size());
  return copies;
}

void SnapshotDesk::Resume() {
  const absl::MutexLock lock(&mu_);
  closed_ = false;
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
  if (config_.snapshots.every == absl::InfiniteDuration()) return absl::OkStatus();
  MM_ASSIGN_OR_RETURN(std::vector<Snapshot> all, snapshots_.List());
  std::erase_if(all, [](const Snapshot& one) { return !absl::StartsWith(one.name, kScheduled); });
  const absl::Time now = parts_.clock->Now();
  // One of the future is of a clock that was wrong.
  const absl::Duration age = all.empty() ? absl::InfiniteDuration() : now - all.front().create_time;
  if (age >= absl::ZeroDuration() && age < config_.snapshots.every) return absl::OkStatus();
  MM_RETURN_IF_ERROR(Make(NameAt(kScheduled, now), nullptr).status());
  for (size_t i = config_.snapshots.keep - 1; i < all.size(); ++i) {
    MM_RETURN_IF_ERROR(Delete(all[i].name));
  }
  return absl::OkStatus();
}

absl::Status SnapshotDesk::MakeScheduledBackup() {
  if (config_.backups.every == absl::InfiniteDuration()) return absl::OkStatus();
  const absl::Time now = parts_.clock->Now();
  // One of the future is of a clock that was wrong.
  const auto due = [this, now] {
    return now < backed_up_ || now - backed_up_ >= config_.backups.every;
  };
  if (!due()) return absl::OkStatus();
  MM_ASSIGN_OR_RETURN(const std::vector<Backup> all, backups_.List());
  if (!all.empty()) backed_up_ = all.front().facts.create_time;
  if (!due()) return absl::OkStatus();
  MM_ASSIGN_OR_RETURN(const Backup made, MakeBackup(nullptr));
  backed_up_ = made.facts.create_time;
  return backups_.DeleteOld(static_cast<uint32_t>(config_.backups.keep));
}

void SnapshotDesk::Schedule() {
  NameThread("schedule");
  absl::Status health;
  while (!pause_.For(kLook)) {
    if (SteadyNow() < not_before_) continue;
    const Work work(*this);
    if (!work.status().ok()) continue;
    absl::Status made = MakeScheduled();
    made.Update(MakeScheduledBackup());
    if (!made.ok() && made != health) {
      spdlog::error("scheduled copies: {}", std::string(made.message()));
    }
    // A full disk does not become less full by trying every second.
    wait_ =
        made.ok() ? absl::ZeroDuration() : std::clamp(2 * wait_, absl::Minutes(1), absl::Hours(1));
    not_before_ = SteadyNow() + wait_;
    health = made;
  }
}

}  // namespace mixmatch
