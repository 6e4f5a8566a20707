// Rounds: bind what is new, embed a chunk, tell who waits; sleep when nothing is left.
#include "server/follower.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "core/base/thread_priority.h"
#include "core/encoder/encoder.h"

namespace mixmatch {
namespace {

constexpr size_t kBindEntries = 1024;
constexpr absl::Duration kPause = absl::Milliseconds(200);
// An idle record that did not come (its write failed) is asked for again after this.
constexpr absl::Duration kAskAgain = absl::Seconds(30);

}  // namespace

BindingConfig BindingConfigOf(const Config& config) {
  return {.gap = config.episodes.gap,
          .max_length = config.episodes.max_length,
          .lateness = config.episodes.lateness,
          .bind_radius = config.episodes.bind_radius,
          .events_max = static_cast<uint32_t>(config.episodes.events_max),
          .probe_share = config.generations.probe_share,
          .probe_block = config.generations.probe_block,
          .probe_salt = config.seed};
}

Follower::Follower(const Config& config, const Parts& parts,
                   std::function<void(const std::string&)> idle_close,
                   std::function<void(bool)> moved)
    : config_(config),
      parts_(parts),
      idle_close_(std::move(idle_close)),
      moved_(std::move(moved)) {}

Follower::~Follower() { Stop(); }

absl::Status Follower::Start() {
  MM_ASSIGN_OR_RETURN(BinderState state, parts_.episodes->LoadBinder());
  binder_ = Binder(std::move(state));
  const absl::Time now = SteadyNow();
  for (const auto& [name, scene] : binder_.state().scenes) {
    if (!scene.open.empty()) activity_[name] = Activity{.last = now};
  }
  parts_.watermarks->SetBound(parts_.episodes->next_seq(), binder_.oldest_open());
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Follower::Wake() { pause_.Wake(); }

void Follower::Stop() {
  pause_.Stop();
  if (thread_.joinable()) thread_.join();
}

absl::Status Follower::health() const {
  const absl::MutexLock lock(&mu_);
  return health_;
}

void Follower::Run() {
  NameThread("follow");
  // Where more comes than can be done, who asks and who stores wait for an answer.
  (void)SetThreadPriority(ThisThread(), ThreadPriority::kBehind);
  SetComputeThreads(1);
  while (true) {
    const absl::StatusOr<bool> left = Round();
    if (!left.ok()) moved_(false);
    {
      const absl::MutexLock lock(&mu_);
      if (left.status() != health_) {
        if (!left.ok()) spdlog::error("following the log failed: {}", left.status().ToString());
        health_ = left.status();
      }
    }
    const bool goes_on = left.ok() && *left;
    if (goes_on ? pause_.stopped() : pause_.For(kPause)) return;
  }
}

absl::StatusOr<bool> Follower::Round() {
  MM_ASSIGN_OR_RETURN(const bool more_to_bind, Bind());
  const absl::StatusOr<bool> more_to_embed = parts_.generations->Follow();
  CloseIdleScenes();
  MM_RETURN_IF_ERROR(more_to_embed.status());
  moved_(true);
  if (more_to_bind || *more_to_embed) return true;
  if (!keeps_settled_) return false;
  // Answers do without it: what cannot be read shows where it is needed.
  const absl::StatusOr<bool> more_to_keep = parts_.episodes->KeepSettled();
  keeps_settled_ = more_to_keep.ok();
  return more_to_keep.value_or(false);
}

absl::StatusOr<bool> Follower::Bind() {
  const Seq first = parts_.episodes->next_seq();
  if (first > parts_.log->last_seq()) return false;
  std::vector<LogEntry> entries;
  MM_RETURN_IF_ERROR(parts_.log->ScanEntries(first, kBindEntries, entries));
  if (entries.empty()) return false;
  BindingDelta delta;
  for (const LogEntry& entry : entries) {
    binder_.Add(entry, delta);
    NoteActivity(entry);
  }
  const Seq next = entries.back().seq + 1;
  const absl::Status applied = parts_.episodes->Apply(delta, binder_.state(), next);
  if (!applied.ok()) {
    // The table is where it was; so must the binder be.
    MM_ASSIGN_OR_RETURN(BinderState state, parts_.episodes->LoadBinder());
    binder_ = Binder(std::move(state));
    return applied;
  }
  parts_.watermarks->SetBound(next, binder_.oldest_open());
  return next <= parts_.log->last_seq();
}

void Follower::NoteActivity(const LogEntry& entry) {
  if (const auto* event = std::get_if<BindingEvent>(&entry.what)) {
    activity_[event->scene] = Activity{.last = SteadyNow()};
  } else if (const auto* idle = std::get_if<IdleClose>(&entry.what)) {
    activity_.erase(idle->scene);
  }
}

void Follower::CloseIdleScenes() {
  const absl::Time now = SteadyNow();
  for (auto entry = activity_.begin(); entry != activity_.end();) {
    auto& [name, activity] = *entry;
    const auto scene = binder_.state().scenes.find(name);
    if (scene == binder_.state().scenes.end() || scene->second.open.empty()) {
      entry = activity_.erase(entry);
      continue;
    }
    const absl::Duration patience = activity.asked ? kAskAgain : config_.episodes.idle_close;
    if (now - activity.last >= patience) {
      idle_close_(name);
      activity = Activity{.last = now, .asked = true};
    }
    ++entry;
  }
}

}  // namespace mixmatch
