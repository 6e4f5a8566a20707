// Progress of something long: a bar on a terminal, now and then a plain line elsewhere.
//
// Takes counts from a command; writes to the error stream, so that standard output holds results
// alone. It measures time itself and stops nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace mixmatch::cli {

// What is to be shown at one moment.
struct ProgressView {
  std::string label;
  std::string unit;  // "events", "steps"; may be empty
  uint64_t done = 0;
  uint64_t total = 0;  // 0: unknown
  absl::Duration elapsed;
  double rate_per_s = 0;                    // 0: not shown
  std::optional<absl::Duration> remaining;  // unset: not shown
  std::string detail;                       // behind everything else; may be empty
};

// "ingest  52 %  5,200/10,000 events  1,234/s  left 4 s  detail".
std::string ProgressText(const ProgressView& view);
// The same with a bar: "ingest  [#####-----]  52 % …".
std::string ProgressBar(const ProgressView& view, int bar_columns);

enum class ProgressStyle { kBar, kLines, kNone };

// Thread-safety: Safe for concurrent use.
class Progress {
 public:
  Progress(std::ostream& out, ProgressStyle style, std::string label, std::string unit);
  // Ends the bar's line, if there is one.
  ~Progress();

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows it, unless it was shown a moment ago. Rate and time left follow from the counts and the
  // time since the first call, unless `remaining` is given.
  void Update(uint64_t done, uint64_t total, const std::string& detail,
              std::optional<absl::Duration> remaining = std::nullopt);
  // Prints a line above the bar; also with ProgressStyle::kNone.
  void Note(const std::string& line);
  // Shows the last update whatever the time, and ends the line.
  void Finish();

 private:
  void Show() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ProgressStyle style_;
  absl::Mutex mutex_;
  std::ostream& out_ ABSL_GUARDED_BY(mutex_);
  ProgressView view_ ABSL_GUARDED_BY(mutex_);
  absl::Time start_ ABSL_GUARDED_BY(mutex_);
  uint64_t start_done_ ABSL_GUARDED_BY(mutex_) = 0;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool dirty_ ABSL_GUARDED_BY(mutex_) = false;      // updated since it was shown
  bool line_open_ ABSL_GUARDED_BY(mutex_) = false;  // a bar stands on the present line
  absl::Time last_shown_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace mixmatch::cli
