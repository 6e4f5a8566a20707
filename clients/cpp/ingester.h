// Streams events into a daemon and sees to it that every one of them gets a result.
//
// Takes events from the program, one by one; gives them to the daemon over one stream, comes back
// after a broken connection with everything that has no result yet, sends again what a full queue
// refused, and reports what became of each event. It keeps nothing on disk: who must survive the
// program's own end remembers the results (mixmatchctl does, beside the manifest).
//
//   Ingester ingester(client, {}, [](const EventOutcome& outcome) { ... });
//   for (...) if (absl::Status sent = ingester.Send(event); !sent.ok()) return sent;
//   return ingester.Finish();
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cpp/client.h"
#include "mixmatch/v1/event.pb.h"
#include "mixmatch/v1/memory.pb.h"

namespace mixmatch::client {

struct IngestOptions {
  // Events taken by Send and still without a result, at most: their number, and the bytes of their
  // messages. One event is always taken, whatever its size.
  size_t window_events = 512;
  size_t window_bytes = size_t{64} << 20;
  // Pacing: no event is sent that would be more than this many ahead of the `learned` watermark,
  // counting all that is stored, by whomever, and all that is on its way. 0: no pacing.
  uint64_t max_unlearned_events = 0;
  // Without any answer for so long, over all attempts to connect, it gives up.
  absl::Duration give_up_after = absl::Seconds(60);
  // A stream that owes results and says nothing for so long is taken for dead and opened again.
  absl::Duration stall_after = absl::Seconds(60);
  // Waits between attempts to connect, as ClientOptions has them.
  absl::Duration backoff_initial = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(5);
};

// What became of one event.
struct EventOutcome {
  // Which one: 0 for the first that was given to Send.
  uint64_t index = 0;
  // STORED, DUPLICATE or REJECTED.
  v1::IngestResult::Outcome outcome = v1::IngestResult::OUTCOME_UNSPECIFIED;
  // Its sequence number; 0 when rejected.
  uint64_t sequence = 0;
  // Why it was rejected. A full queue is no reason: such an event is sent again, by itself.
  v1::EventError error;
};

// How an Ingester is doing.
struct IngestProgress {
  uint64_t taken_count = 0;      // by Send
  uint64_t result_count = 0;     // reported
  uint64_t reconnect_count = 0;  // streams opened after the first
  bool connected = false;        // the present stream has answered
  // Waits for the learner: pacing holds events back.
  bool paced = false;
  // The latest that the daemon said.
  v1::Watermarks watermarks;
};

// Invariants:
//   1. Each event that Send took gets one outcome, or Finish returns an error.
//   2. Events are sent in the order of Send; only what was sent again comes later.
//   3. Outcomes are reported one at a time, in the order of the daemon's results.
// Lifetime: shares the client's connection; the client itself may go first.
//
// Thread-safety: Send and Finish belong to one owner thread; progress() may be called from any.
class Ingester {
 public:
  // Called on a thread of the Ingester's, one call at a time, without a lock held. It must not call
  // Send or Finish, nor block for long: it holds up what follows.
  using OnOutcome = std::function<void(const EventOutcome&)>;

  Ingester(const Client& client, const IngestOptions& options, OnOutcome on_outcome);
  // Cancels what is under way. Events without a result may have been stored or not.
  ~Ingester();

  Ingester(const Ingester&) = delete;
  Ingester& operator=(const Ingester&) = delete;

  // Takes an event; blocks while the window is full, so also while the learner is waited for.
  // Errors: what ended the stream for good (UNAVAILABLE after `give_up_after`; UNAUTHENTICATED and
  // the like at once); FAILED_PRECONDITION after Finish.
  absl::Status Send(v1::Event event);

  // Blocks until every event has its outcome, then ends the stream. Errors as of Send.
  absl::Status Finish();

  // Ends at the next opportunity: Send and Finish return CANCELLED. Safe from any thread.
  void Cancel();

  IngestProgress progress() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch::client
