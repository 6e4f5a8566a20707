// Acknowledged is durable: a process that is killed at any moment loses nothing that it reported.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "storage/event_log.h"
#include "storage_testing.h"

extern char** environ;

namespace mixmatch {
namespace {

using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;

// Runs the writer from `first` on, kills it after `lines` reports, and returns the last number that
// it reported.
int WriteAndKill(const std::string& path, int first, int lines) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::string program = CRASH_WRITER;
  std::string database = path;
  std::string number = std::to_string(first);
  char* argv[] = {program.data(), database.data(), number.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, CRASH_WRITER, &actions, nullptr, argv, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  FILE* reports = fdopen(ends[0], "r");
  int last = first - 1;
  int from = 0;
  int to = 0;
  // What it reported before the signal reached it counts as well.
  for (int line = 0; fscanf(reports, "%d %d\n", &from, &to) == 2; ++line) {
    EXPECT_EQ(from, last + 1);
    last = to;
    if (line == lines) kill(child, SIGKILL);
  }
  fclose(reports);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return last;
}

TEST(CrashTest, WhatWasReportedIsThereOnceAfterSigkill) {
  const TempDir dir;
  const std::string path = dir.path("db");
  int next = 1;
  for (int round = 0; round < 4; ++round) {
    const int reported = WriteAndKill(path, next, 10 + 17 * round);
    ASSERT_GE(reported, next);
    OpenLog open(path);
    for (int i = 1; i <= reported; ++i) {
      const auto seq = open.log->Find("crash", std::to_string(i));
      ASSERT_TRUE(seq.ok()) << seq.status();
      const auto event = open.log->Get(*seq, Detail::kFull);
      ASSERT_TRUE(event.ok()) << event.status();
      ASSERT_EQ(event->event.event_id, std::to_string(i));
      ASSERT_EQ(std::get<ImagePayload>(event->event.percepts[1].payload).data,
                std::string(3000, static_cast<char>(i)));
      ASSERT_EQ(open.log->EventPercepts(*seq)->size(), 2u);
    }
    // The count agrees with the log, in which a batch is whole or absent: at most one more batch.
    const auto listed = open.log->List({}, 0, 100000, false, Detail::kHeader);
    ASSERT_TRUE(listed.ok()) << listed.status();
    EXPECT_EQ(listed->size(), open.log->event_count());
    EXPECT_LE(listed->size(), static_cast<size_t>(reported) + 7);
    // Sent again it is a duplicate.
    std::vector<PendingEvent> again;
    again.push_back(MakePending("crash", std::to_string(reported), reported,
                                {TextPercept(std::to_string(reported)),
                                 ImagePercept(std::string(3000, static_cast<char>(reported)))}));
    const auto results = open.log->Append(std::move(again), testing::At(1));
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_EQ(results->front().outcome, AppendOutcome::kDuplicate);
    next = reported + 1;
  }
}

}  // namespace
}  // namespace mixmatch
