// Commands first; then a chunk of publishing; then a step on new episodes, or an asked-for
// consolidation, or an idle one.
#include "server/learning_loop.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/own_heap.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "core/base/thread_priority.h"

namespace mixmatch {
namespace {

constexpr char kPausedSetting[] = "learning.paused";
constexpr absl::Duration kPause = absl::Milliseconds(200);
// After so long without work, freed memory goes back to the system.
constexpr absl::Duration kReleaseEvery = absl::Minutes(1);
constexpr absl::Duration kKeepFreed = absl::Seconds(5);
constexpr absl::Duration kReportEvery = absl::Milliseconds(250);
constexpr absl::Duration kRestAfterError = absl::Seconds(5);
// Binding that stands still for so long, at damage in the log, is not waited for any longer.
constexpr absl::Duration kBindingStands = absl::Seconds(30);
}  // namespace

LearningLoop::LearningLoop(const Config& config, const ModelConfig& model, const Parts& parts)
    : config_(config),
      parts_(parts),
      keeper_(config, model, parts.store, parts.episodes, parts.generations, parts.clock),
      publishing_(config, parts.generations, parts.watermarks, parts.episodes, parts.clock,
                  parts.skill_scores) {}

LearningLoop::~LearningLoop() { Stop(); }

absl::Status LearningLoop::Start() {
  bind_to_ = parts_.log->last_seq();
  const absl::Status opened = OpenLearner(parts_.episodes->next_seq() > bind_to_);
  if (absl::IsOutOfRange(opened)) {
    spdlog::info("{}; learning goes on once binding has caught up", opened.ToString());
  } else {
    MM_RETURN_IF_ERROR(opened);
  }
  last_closed_ = last_event_ = SteadyNow();
  {
    const absl::MutexLock lock(&mu_);
    const absl::StatusOr<std::string> paused = parts_.database->GetSetting(kPausedSetting);
    paused_ = paused.ok() && *paused == "true";
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status LearningLoop::OpenLearner(bool all_bound) {
  MM_RETURN_IF_ERROR(keeper_.Open(all_bound));
  MM_RETURN_IF_ERROR(parts_.watermarks->SetTaken(learner().progress().taken));
  UpdateSnapshot();
  return absl::OkStatus();
}

void LearningLoop::Stop() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  rest_.Stop();
  pause_.Stop();
  // Now it is waited for. Where this is not allowed, it takes as long as it takes.
  const pid_t thread = thread_id_;
  if (thread != 0) (void)SetThreadPriority(thread, ThreadPriority::kNormal);
  if (thread_.joinable()) thread_.join();
}

void LearningLoop::NoteRecall() {
  last_recall_ns_.store(absl::ToUnixNanos(SteadyNow()), std::memory_order_relaxed);
}

absl::Time LearningLoop::LastRecall() const {
  return absl::FromUnixNanos(last_recall_ns_.load(std::memory_order_relaxed));
}

void LearningLoop::Wake() { pause_.Wake(); }

absl::Status LearningLoop::SetPaused(bool paused) {
  MM_RETURN_IF_ERROR(parts_.database->PutSetting(kPausedSetting, paused ? "true" : "false"));
  const absl::MutexLock lock(&mu_);
  paused_ = paused;
  pause_.Wake();
  snapshot_.state = paused ? LearningState::kPaused : LearningState::kIdle;
  return absl::OkStatus();
}

void LearningLoop::Consolidate(Consolidation consolidation) {
  {
    const absl::MutexLock lock(&mu_);
    if (!stopping_ && !paused_) {
      consolidations_.push_back(std::move(consolidation));
      pause_.Wake();
      return;
    }
  }
  consolidation.done(
      absl::FailedPreconditionError("consolidation refused: learning is paused; resume it first"));
}

void LearningLoop::Publish(PublishFollower follower) {
  {
    const absl::MutexLock lock(&mu_);
    if (!stopping_) {
      commands_.push_back([this, follower = std::move(follower)] { publishing_.Ask(follower); });
      pause_.Wake();
      return;
    }
  }
  follower.done(absl::UnavailableError("publish refused: shutting down; ask again"));
}

absl::Status LearningLoop::Rollback() {
  struct Outcome {
    absl::Mutex mu;
    std::optional<absl::Status> status ABSL_GUARDED_BY(mu);
  };
  const auto outcome = std::make_shared<Outcome>();
  {
    const absl::MutexLock lock(&mu_);
    if (stopping_) return absl::UnavailableError("roll-back refused: shutting down");
    commands_.push_back([this, outcome] {
      absl::Status status = DoRollback();
      const absl::MutexLock done(&outcome->mu);
      outcome->status = std::move(status);
    });
    pause_.Wake();
  }
  const absl::MutexLock lock(&outcome->mu);
  const auto ready = [&outcome]()
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return outcome->status.has_value(); };
  outcome->mu.Await(absl::Condition(&ready));
  return *outcome->status;
}

LearningSnapshot LearningLoop::snapshot() const {
  const absl::MutexLock lock(&mu_);
  return snapshot_;
}

void LearningLoop::Run() {
  NameThread("learn");
  thread_id_ = ThisThread();
  // Everything else goes first.
  if (!SetThreadPriority(thread_id_, ThreadPriority::kLowest)) {
    spdlog::warn("learning runs at normal priority: the system does not allow another");
  }
  // One core is left to ingest and recall.
  const uint64_t spare = std::max<size_t>(2, UsableCores()) - 1;
  const uint64_t asked = config_.learning.deterministic ? 1 : config_.learning.threads;
  SetComputeThreads(static_cast<int>(asked > 0 ? asked : spare));
  const OwnHeap heap;
  const bool opened = AwaitLearner();
  absl::Time worked_at = SteadyNow();
  absl::Time released_at = worked_at;
  bool released = false;
  while (opened) {
    RunCommands();
    const bool worked = Work();
    if (worked) {
      worked_at = SteadyNow();
      released = false;
      // What lies between blocks that stay is not always of use again: it would only grow.
      if (worked_at - released_at > kReleaseEvery) {
        heap.Release();
        released_at = worked_at;
      }
    } else if (!released && SteadyNow() - worked_at > kKeepFreed) {
      heap.Release();
      released = true;
    }
    keeper_.Save(/*force=*/false);
    UpdateSnapshot();
    if (worked ? pause_.stopped() : pause_.For(kPause)) break;
  }
  RunCommands();
  const absl::Status ending = absl::UnavailableError("not finished: shutting down; ask again");
  if (running_) EndConsolidation(ending);
  while (!consolidations_.empty()) {
    consolidations_.front().done(ending);
    consolidations_.pop_front();
  }
  publishing_.End(ending);
  if (keeper_.opened()) keeper_.Save(/*force=*/true);
  thread_id_ = 0;
}

bool LearningLoop::AwaitLearner() {
  Seq next = 0;
  absl::Time moved;
  while (!keeper_.opened()) {
    const absl::Time now = SteadyNow();
    if (std::exchange(next, parts_.episodes->next_seq()) != next) moved = now;
    const bool all_bound = next > bind_to_ || now - moved > kBindingStands;
    const absl::Status opened = all_bound ? OpenLearner(all_bound) : absl::OkStatus();
    if (!opened.ok()) spdlog::error("learning does not go on: {}", opened.ToString());
    {
      const absl::MutexLock lock(&mu_);
      snapshot_.health = opened;
    }
    if (!keeper_.opened() && rest_.For(opened.ok() ? kPause : kRestAfterError)) break;
  }
  return keeper_.opened();
}

void LearningLoop::RunCommands() {
  std::deque<std::function<void()>> commands;
  {
    const absl::MutexLock lock(&mu_);
    commands.swap(commands_);
  }
  for (const auto& command : commands) command();
}

bool LearningLoop::Work() {
  const absl::Time now = SteadyNow();
  const uint64_t closed = parts_.episodes->closed_count();
  if (closed != std::exchange(seen_closed_, closed)) last_closed_ = now;
  const Seq seq = parts_.log->last_seq();
  if (seq != std::exchange(seen_seq_, seq)) last_event_ = now;

  bool paused = false;
  {
    const absl::MutexLock lock(&mu_);
    paused = paused_;
    if (!running_ && !consolidations_.empty()) {
      running_ = Running{.what = std::move(consolidations_.front()), .start = now};
      running_->progress.steps_asked = running_->what.steps;
      consolidations_.pop_front();
    }
  }
  const bool published = PublishOnce();
  if (paused || !config_.learning.enabled) {
    if (running_) {
      EndConsolidation(absl::FailedPreconditionError(
          "consolidation stopped: learning is paused or disabled; resume it first"));
    }
    state_ = published ? LearningState::kPublishing : LearningState::kPaused;
    return published;
  }
  if (now < rest_until_ && !running_) return published;
  // When a part of a block is taken for want of more depends on the clock.
  const bool flush = running_ || (!config_.learning.deterministic &&
                                  now - last_closed_ >= config_.learning.flush_after);
  if (LearnOnce(flush)) {
    state_ = LearningState::kLearning;
    return true;
  }
  if (ConsolidateOnce() || ConsolidateIdle()) {
    state_ = LearningState::kConsolidating;
    return true;
  }
  state_ = published ? LearningState::kPublishing : LearningState::kIdle;
  return published;
}

bool LearningLoop::PublishOnce() {
  const absl::Time now = SteadyNow();
  if (now < publish_again_) return false;
  const absl::StatusOr<bool> worked = publishing_.Work(learner());
  if (publishing_.TakeGoBack() && !config_.learning.deterministic && keeper_.GoBack()) {
    const absl::Status told = AfterRestart();
    if (!told.ok()) spdlog::error("learned watermark not moved: {}", told.ToString());
  }
  if (worked.ok()) return *worked;
  spdlog::error("publishing failed: {}", worked.status().ToString());
  publish_again_ = now + kRestAfterError;
  return false;
}

bool LearningLoop::LearnOnce(bool flush) {
  if (!learner().HasNew(flush)) return false;
  const absl::Time start = SteadyNow();
  const absl::StatusOr<StepResult> step = learner().StepNew(flush);
  const absl::Status taken = parts_.watermarks->SetTaken(learner().progress().taken);
  if (!taken.ok()) spdlog::error("learned watermark not moved: {}", taken.ToString());
  parts_.watermarks->Publish();
  return Note(step, /*replay=*/false, SteadyNow() - start);
}

bool LearningLoop::Note(const absl::StatusOr<StepResult>& step, bool replay, absl::Duration took) {
  const absl::Time end = parts_.clock->Now();
  if (step.ok()) {
    keeper_.history().Add({learner().progress().steps_total, replay, end - took, end}, *step);
  }
  const absl::MutexLock lock(&mu_);
  if (!step.ok()) {
    if (step.status() != health_) spdlog::error("a step failed: {}", step.status().ToString());
    health_ = step.status();
    rest_until_ = SteadyNow() + kRestAfterError;
    return false;
  }
  health_ = absl::OkStatus();
  return true;
}

bool LearningLoop::ConsolidateOnce() {
  if (!running_) return false;
  const absl::Time start = SteadyNow();
  ConsolidationProgress& progress = running_->progress;
  const bool enough = running_->what.steps > 0 ? progress.steps_done >= running_->what.steps
                                               : start - running_->start >= running_->what.time;
  if (enough || running_->what.cancelled->load()) {
    EndConsolidation(absl::OkStatus());
    return true;
  }
  const absl::StatusOr<StepResult> step = learner().StepReplay();
  const absl::Time end = SteadyNow();
  if (!Note(step, /*replay=*/true, end - start)) {
    EndConsolidation(step.status());
    return true;
  }
  ++progress.steps_done;
  progress.elapsed = end - running_->start;
  progress.loss = keeper_.history().pace().loss;
  progress.steps_per_s = static_cast<double>(progress.steps_done) /
                         std::max(1e-9, absl::ToDoubleSeconds(progress.elapsed));
  if (end - running_->last_report >= kReportEvery) {
    running_->last_report = end;
    running_->what.report(progress);
  }
  return true;
}

void LearningLoop::EndConsolidation(const absl::Status& status) {
  Running ended = *std::move(running_);
  running_.reset();
  keeper_.Save(/*force=*/true);
  if (status.ok()) {
    ended.progress.elapsed = SteadyNow() - ended.start;
    ended.progress.done = true;
    ended.what.report(ended.progress);
  }
  ended.what.done(status);
}

bool LearningLoop::ConsolidateIdle() {
  const absl::Time start = SteadyNow();
  const LearnerProgress progress = learner().progress();
  const double passes = static_cast<double>(progress.steps_total) *
                        static_cast<double>(config_.learning.batch_episodes);
  if (!config_.learning.consolidate_when_idle || config_.learning.deterministic ||
      progress.trainable < 2 || start - last_event_ < config_.learning.idle_after ||
      start - LastRecall() < config_.learning.idle_after ||
      passes >= config_.learning.idle_passes_max * static_cast<double>(progress.trainable)) {
    return false;
  }
  const absl::StatusOr<StepResult> step = learner().StepReplay();
  const absl::Time end = SteadyNow();
  if (!Note(step, /*replay=*/true, end - start)) return false;
  rest_until_ = start + (end - start) / config_.learning.idle_cpu_share;
  // Nothing can be told from anything yet: look again when more may have come.
  if (step->positives == 0) rest_until_ = start + config_.learning.idle_after;
  return true;
}

absl::Status LearningLoop::DoRollback() {
  if (!keeper_.opened()) return absl::UnavailableError("roll-back refused: shutting down");
  MM_ASSIGN_OR_RETURN(const std::string checkpoint, parts_.generations->Rollback());
  MM_RETURN_IF_ERROR(keeper_.Restart(checkpoint));
  spdlog::warn("rolled back: generation {} serves", parts_.generations->serving()->number);
  return AfterRestart();
}

absl::Status LearningLoop::AfterRestart() {
  publishing_.Reset();
  MM_RETURN_IF_ERROR(parts_.watermarks->SetTaken(learner().progress().taken));
  parts_.watermarks->Publish();
  return absl::OkStatus();
}

void LearningLoop::UpdateSnapshot() {
  LearningSnapshot snapshot;
  snapshot.state = state_;
  snapshot.progress = learner().progress();
  snapshot.waiting = learner().waiting();
  snapshot.parameter_count = learner().trainer().parameter_count();
  snapshot.device = learner().trainer().device();
  const Pace pace = keeper_.history().pace();
  snapshot.loss = pace.loss;
  snapshot.steps_per_s = pace.steps_per_s;
  const absl::MutexLock lock(&mu_);
  snapshot.health = health_;
  snapshot_ = std::move(snapshot);
}

}  // namespace mixmatch
