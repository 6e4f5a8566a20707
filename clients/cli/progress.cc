// Bars and lines.
#include "clients/cli/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "clients/cli/format.h"

namespace mixmatch::cli {
namespace {

constexpr absl::Duration kBarEvery = absl::Milliseconds(100);
constexpr absl::Duration kLineEvery = absl::Seconds(5);
constexpr int kBarColumns = 24;
constexpr char kEraseLine[] = "\r\033[K";

double Share(const ProgressView& view) {
  if (view.total == 0) return 0;
  return std::min(1.0, static_cast<double>(view.done) / static_cast<double>(view.total));
}

// Everything behind label and bar.
std::string Figures(const ProgressView& view) {
  std::string text;
  if (view.total > 0) {
    // Rounded down: 100 % is for what is done.
    absl::StrAppendFormat(&text, "  %3d %%", static_cast<int>(Share(view) * 100));
  }
  absl::StrAppend(&text, "  ", CountText(view.done));
  if (view.total > 0) absl::StrAppend(&text, "/", CountText(view.total));
  if (!view.unit.empty()) absl::StrAppend(&text, " ", view.unit);
  if (view.rate_per_s > 0) {
    absl::StrAppend(&text, "  ", NumberText(view.rate_per_s, view.rate_per_s < 10 ? 1 : 0), "/s");
  }
  if (view.remaining) absl::StrAppend(&text, "  left ", DurationText(*view.remaining));
  if (!view.detail.empty()) absl::StrAppend(&text, "  ", view.detail);
  return text;
}

}  // namespace

std::string ProgressText(const ProgressView& view) { return view.label + Figures(view); }

std::string ProgressBar(const ProgressView& view, int bar_columns) {
  if (view.total == 0) return ProgressText(view);
  const int filled = static_cast<int>(Share(view) * bar_columns);
  return absl::StrCat(view.label, "  [", std::string(static_cast<size_t>(filled), '#'),
                      std::string(static_cast<size_t>(bar_columns - filled), '-'), "]",
                      Figures(view));
}

Progress::Progress(std::ostream& out, ProgressStyle style, std::string label, std::string unit)
    : style_(style), out_(out) {
  view_.label = std::move(label);
  view_.unit = std::move(unit);
}

Progress::~Progress() { Finish(); }

void Progress::Update(uint64_t done, uint64_t total, const std::string& detail,
                      std::optional<absl::Duration> remaining) {
  if (style_ == ProgressStyle::kNone) return;
  absl::MutexLock lock(&mutex_);
  const absl::Time now = absl::Now();
  if (!started_) {
    started_ = true;
    start_ = now;
    start_done_ = done;
    // The first plain line comes when something has happened.
    if (style_ == ProgressStyle::kLines) last_shown_ = now;
  }
  view_.done = done;
  view_.total = total;
  view_.detail = detail;
  view_.elapsed = now - start_;
  const double seconds = absl::ToDoubleSeconds(view_.elapsed);
  const uint64_t fresh = done - std::min(done, start_done_);
  view_.rate_per_s = seconds > 0.2 ? static_cast<double>(fresh) / seconds : 0;
  view_.remaining = remaining;
  if (!remaining && view_.rate_per_s > 0 && total > done) {
    view_.remaining = absl::Seconds(static_cast<double>(total - done) / view_.rate_per_s);
  }
  dirty_ = true;
  if (now - last_shown_ >= (style_ == ProgressStyle::kBar ? kBarEvery : kLineEvery)) Show();
}

void Progress::Show() {
  if (style_ == ProgressStyle::kBar) {
    out_ << kEraseLine << ProgressBar(view_, kBarColumns) << std::flush;
    line_open_ = true;
  } else {
    out_ << ProgressText(view_) << std::endl;
  }
  dirty_ = false;
  last_shown_ = absl::Now();
}

void Progress::Note(const std::string& line) {
  absl::MutexLock lock(&mutex_);
  if (line_open_) out_ << kEraseLine;
  out_ << line << std::endl;
  if (line_open_) Show();
}

void Progress::Finish() {
  absl::MutexLock lock(&mutex_);
  if (dirty_) Show();
  if (line_open_) out_ << std::endl;
  line_open_ = false;
}

}  // namespace mixmatch::cli
