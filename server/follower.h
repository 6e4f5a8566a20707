// The thread that follows the log: binds new events into episodes, embeds them into the spaces that
// serve, and closes the episodes of scenes that fell silent.
//
// Takes entries from the event log as they become durable; gives closed episodes to learning
// (through the episode table) and embeddings to recall.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/stoppable_sleep.h"
#include "core/episodes/binder.h"
#include "core/generations/generations.h"
#include "server/config.h"
#include "server/watermarks.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch {

// How events are bound by this configuration.
BindingConfig BindingConfigOf(const Config& config);

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class Follower {
 public:
  struct Parts {
    EventLog* log = nullptr;
    EpisodeTable* episodes = nullptr;
    Generations* generations = nullptr;
    Watermarks* watermarks = nullptr;
  };

  // `idle_close` asks for an idle record of a scene; `moved` runs after every round, on the
  // follower's thread: whether it went well.
  Follower(const Config& config, const Parts& parts,
           std::function<void(const std::string&)> idle_close, std::function<void(bool)> moved);
  ~Follower();

  // Loads the binder's state and starts the thread.
  absl::Status Start();
  // Tells that the log grew. Cheap.
  void Wake();
  // Ends the thread after the chunk in progress.
  void Stop();

  // The last error of binding or embedding; OK when the last round went well.
  absl::Status health() const;

 private:
  void Run();
  absl::StatusOr<bool> Round();
  absl::StatusOr<bool> Bind();
  void NoteActivity(const LogEntry& entry);
  void CloseIdleScenes();

  const Config config_;
  const Parts parts_;
  const std::function<void(const std::string&)> idle_close_;
  const std::function<void(bool)> moved_;

  // Only the thread touches these.
  Binder binder_;
  bool keeps_settled_ = true;  // until what is to be kept in memory cannot be read
  struct Activity {
    absl::Time last;     // by SteadyNow()
    bool asked = false;  // for an idle record, since the last event
  };
  std::unordered_map<std::string, Activity> activity_;  // of scenes with open episodes

  mutable absl::Mutex mu_;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
  StoppableSleep pause_;
  std::thread thread_;
};

}  // namespace mixmatch
