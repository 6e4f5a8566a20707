// Rows are filled, closed, and halved in number when there are too many.
#include "core/learning/history.h"

#include <algorithm>
#include <utility>

namespace mixmatch {
namespace {

void SortPairs(HistoryRow& row) {
  std::sort(row.pairs.begin(), row.pairs.end(),
            [](const PairLoss& a, const PairLoss& b) { return a.pair < b.pair; });
}

// `next` follows `row`, which becomes both.
void Extend(HistoryRow& row, const HistoryRow& next) {
  row.steps_total = next.steps_total;
  row.end = next.end;
  row.steps_new += next.steps_new;
  row.steps_replay += next.steps_replay;
  row.steps_scored += next.steps_scored;
  if (next.steps_scored > 0) {
    row.loss += (next.loss - row.loss) * static_cast<double>(next.steps_scored) /
                static_cast<double>(row.steps_scored);
  }
  for (const PairLoss& pair : next.pairs) AddPairLoss(row.pairs, pair);
  SortPairs(row);
  row.step_time += next.step_time;
  row.wall_time += next.wall_time;
}

}  // namespace

std::string TrainingHistory::NameOf(const std::string& pair) {
  if (std::find(names_.begin(), names_.end(), pair) != names_.end()) return pair;
  if (names_.size() >= kPairsMax) return kOtherPairs;
  names_.push_back(pair);
  return pair;
}

void TrainingHistory::Add(const StepNote& note, const StepResult& result) {
  const uint64_t before = open_.steps() > 0 ? open_.steps_total
                          : rows_.empty()   ? 0
                                            : rows_.back().steps_total;
  if (note.steps_total <= before) return;
  HistoryRow step{.steps_total = note.steps_total, .end = note.end};
  (note.replay ? step.steps_replay : step.steps_new) = 1;
  if (result.positives > 0) {
    step.steps_scored = 1;
    step.loss = result.loss;
    for (const PairLoss& pair : result.pairs) {
      AddPairLoss(step.pairs, {NameOf(pair.pair), pair.loss, pair.positives});
    }
  }
  step.step_time = std::max(absl::ZeroDuration(), note.end - note.start);
  if (counted_until_ == absl::InfinitePast()) counted_until_ = note.start;
  CountTime(note.end);
  Extend(open_, step);
  step_time_ += step.step_time;
  if (open_.steps() >= steps_per_row_) Close();
}

void TrainingHistory::Close() {
  rows_.push_back(std::exchange(open_, {}));
  if (rows_.size() <= kRowsMax) return;
  open_ = std::move(rows_.back());  // only half full from now on
  rows_.pop_back();
  for (size_t i = 0; i < kRowsMax / 2; ++i) {
    HistoryRow row = std::move(rows_[2 * i]);
    Extend(row, rows_[2 * i + 1]);
    rows_[i] = std::move(row);
  }
  rows_.resize(kRowsMax / 2);
  steps_per_row_ *= 2;
}

void TrainingHistory::Resume(absl::Time now) {
  if (!rows_.empty() || open_.steps() > 0) counted_until_ = now;
}

absl::Duration TrainingHistory::Uncounted(absl::Time now) const {
  if (counted_until_ == absl::InfinitePast()) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), now - counted_until_);
}

void TrainingHistory::CountTime(absl::Time now) {
  if (counted_until_ == absl::InfinitePast()) return;
  const absl::Duration passed = Uncounted(now);
  open_.wall_time += passed;
  wall_time_ += passed;
  counted_until_ = now;
}

void TrainingHistory::Undo(uint64_t steps_total) {
  if (steps_total == 0) {
    *this = TrainingHistory();
    return;
  }
  if (open_.steps_total > steps_total) open_ = HistoryRow();
  while (!rows_.empty() && rows_.back().steps_total > steps_total) rows_.pop_back();
}

std::vector<HistoryRow> TrainingHistory::rows() const {
  std::vector<HistoryRow> rows = rows_;
  if (open_.steps() > 0) rows.push_back(open_);
  return rows;
}

HistoryRow TrainingHistory::Recent(uint64_t steps) const {
  size_t first = rows_.size();
  for (uint64_t held = open_.steps(); first > 0 && held < steps; held += rows_[first].steps()) {
    --first;
  }
  HistoryRow recent;
  for (; first < rows_.size(); ++first) Extend(recent, rows_[first]);
  if (open_.steps() > 0) Extend(recent, open_);
  return recent;
}

double TrainingHistory::TimeShare(absl::Time now) const {
  const absl::Duration wall_time = wall_time_ + Uncounted(now);
  if (wall_time <= absl::ZeroDuration()) return 0;
  return std::min(1.0, absl::FDivDuration(step_time_, wall_time));
}

}  // namespace mixmatch
