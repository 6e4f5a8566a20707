// What tests of the ingest pipeline share: one over a log of its own, whose writer can be held.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "server/ingest_pipeline.h"
#include "server/retry_delay.h"
#include "storage_testing.h"

namespace mixmatch {

class IngestPipelineTest : public ::testing::Test {
 protected:
  IngestPipelineTest() : open_(dir_.path("db")) { config_.threads.sense = 1; }

  // Until End(), which waits for every answer.
  void Begin() {
    pipeline_ = std::make_unique<IngestPipeline>(
        config_,
        IngestPipeline::Parts{
            .log = open_.log.get(), .disk = &disk_, .memory = &memory_, .clock = &clock_},
        [this] { ++writes_; });
  }
  void End() {
    if (!go_on_.HasBeenNotified()) go_on_.Notify();
    pipeline_.reset();
  }

  // From here on the writer waits, until End().
  void HoldWriter() {
    absl::Notification held;
    pipeline_->Submit({.lane = 99, .client = "first"}, TextEvent("first", 0),
                      [this, &held](const AppendResult&) {
                        held.Notify();
                        go_on_.WaitForNotification();
                      });
    held.WaitForNotification();
  }

  static Event TextEvent(const std::string& source, int number, size_t bytes = 100) {
    Event event{.event_id = std::to_string(number),
                .time = absl::FromUnixSeconds(1'700'000'000 + number),
                .source = source};
    event.percepts.push_back({"", TextPayload{.text = std::string(bytes, 'x')}});
    return event;
  }

  // Sends events of one caller, who is called by its lane: a stream's, or each as a call.
  void Send(uint64_t lane, int count, bool urgent = false, size_t bytes = 100) {
    for (int i = 0; i < count; ++i) {
      const Caller caller = CallerOf(lane);
      Event event = TextEvent(caller.client, next_[lane]++, bytes);
      if (urgent) {
        pipeline_->SubmitCall(
            caller, {std::move(event)},
            [this, lane](size_t, const AppendResult& result) { Note(lane, result); });
      } else {
        pipeline_->Submit(caller, std::move(event),
                          [this, lane](const AppendResult& result) { Note(lane, result); });
      }
    }
  }
  static Caller CallerOf(uint64_t lane) {
    return {.lane = lane, .client = "lane-" + std::to_string(lane)};
  }
  void Note(uint64_t lane, const AppendResult& result) {
    const absl::MutexLock lock(&mu_);
    results_[lane].push_back(result);
  }

  // Sends so many events of a stream, and waits until they are stored.
  void Store(uint64_t lane, int count) {
    const size_t before = Stored(lane).size();
    const size_t wanted = before + static_cast<size_t>(count);
    Send(lane, count);
    for (int i = 0; i < 4000 && Stored(lane).size() < wanted; ++i) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    ASSERT_EQ(Stored(lane).size(), wanted);
  }

  // Of 150 stored events none was recallable for a moment: calls have had to wait for their turns.
  // Requires that following holds streams back at 100.
  void FallBehindForAMoment() {
    pipeline_->SetFollowed(150, true);
    pipeline_->SetFollowed(0, true);
    ASSERT_TRUE(pipeline_->CheckTurn(CallerOf(9), 1).ok());
    ASSERT_FALSE(pipeline_->CheckTurn(CallerOf(9), 1).ok());
    pipeline_->SetFollowed(150, true);
  }

  std::vector<Seq> Stored(uint64_t lane) {
    const absl::MutexLock lock(&mu_);
    std::vector<Seq> seqs;
    for (const AppendResult& result : results_[lane]) {
      if (result.outcome == AppendOutcome::kStored) seqs.push_back(result.seq);
    }
    return seqs;
  }
  std::vector<absl::Status> Refused(uint64_t lane) {
    const absl::MutexLock lock(&mu_);
    std::vector<absl::Status> errors;
    for (const AppendResult& result : results_[lane]) {
      if (result.outcome == AppendOutcome::kRejected) errors.push_back(result.error);
    }
    return errors;
  }

  const testing::TempDir dir_;
  testing::OpenLog open_;
  const DiskGuard disk_{0, [] { return 0; }};
  const MemoryGuard memory_{0, [] { return 0; }};
  const SystemClock clock_;
  Config config_;
  std::unique_ptr<IngestPipeline> pipeline_;
  absl::Notification go_on_;
  std::atomic<int> writes_ = 0;  // that reached the log
  std::map<uint64_t, int> next_;
  absl::Mutex mu_;
  std::map<uint64_t, std::vector<AppendResult>> results_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
