// The history as bytes: facts of a weights file. Every number is a word of 8 bytes.
//
//   "version" = 1, "steps_per_row", "step_time_ns", "wall_time_ns"
//   "pair/0", "pair/1", …: names, in the order of appearing, "other pairs" left out
//   "rows": closed rows, oldest first; "open": the open one. A row is
//     steps_total, end (ns since 1970), steps_new, steps_replay, steps_scored, loss (f64),
//     step_time_ns, wall_time_ns, n, then n times: pair (place among the names, or as many as there
//     are for the other pairs), loss (f64), positives
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/encoder/weights_file.h"
#include "core/learning/history.h"

namespace mixmatch {
namespace {

constexpr uint64_t kVersion = 1;

absl::Status Damaged(const char* what) {
  return absl::DataLossError(
      absl::StrCat("history of training: ", what, "; it begins anew, weights are not touched"));
}

uint64_t Nanos(absl::Duration duration) {
  return static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
}
absl::Duration ToDuration(uint64_t nanos) { return absl::Nanoseconds(static_cast<int64_t>(nanos)); }

void PutWord(uint64_t word, std::string& out) {
  out.append(reinterpret_cast<const char*>(&word), sizeof(word));
}

void PutRow(const HistoryRow& row, const std::vector<std::string>& names, std::string& out) {
  for (const uint64_t word :
       {row.steps_total, static_cast<uint64_t>(absl::ToUnixNanos(row.end)), row.steps_new,
        row.steps_replay, row.steps_scored, std::bit_cast<uint64_t>(row.loss), Nanos(row.step_time),
        Nanos(row.wall_time), uint64_t{row.pairs.size()}}) {
    PutWord(word, out);
  }
  for (const PairLoss& pair : row.pairs) {
    uint64_t place = 0;
    while (place < names.size() && names[place] != pair.pair) ++place;
    PutWord(place, out);
    PutWord(std::bit_cast<uint64_t>(pair.loss), out);
    PutWord(pair.positives, out);
  }
}

// Takes words off the front; none are left once it was asked for too many.
class Words {
 public:
  explicit Words(std::string_view bytes) : rest_(bytes) {}

  uint64_t Next() {
    uint64_t word = 0;
    whole_ = whole_ && rest_.size() >= sizeof(word);
    if (!whole_) return 0;
    std::memcpy(&word, rest_.data(), sizeof(word));
    rest_.remove_prefix(sizeof(word));
    return word;
  }
  bool empty() const { return rest_.empty(); }
  bool whole() const { return whole_; }

 private:
  std::string_view rest_;
  bool whole_ = true;
};

bool NextRow(Words& words, const std::vector<std::string>& names, HistoryRow& row) {
  row.steps_total = words.Next();
  row.end = absl::FromUnixNanos(static_cast<int64_t>(words.Next()));
  row.steps_new = words.Next();
  row.steps_replay = words.Next();
  row.steps_scored = words.Next();
  row.loss = std::bit_cast<double>(words.Next());
  row.step_time = ToDuration(words.Next());
  row.wall_time = ToDuration(words.Next());
  const uint64_t pairs = words.Next();
  for (uint64_t i = 0; i < pairs && words.whole(); ++i) {
    PairLoss& pair = row.pairs.emplace_back();
    const uint64_t place = words.Next();
    if (place > names.size()) return false;
    pair.pair = place < names.size() ? names[place] : TrainingHistory::kOtherPairs;
    pair.loss = std::bit_cast<double>(words.Next());
    pair.positives = words.Next();
    if (pair.positives == 0) return false;
  }
  return words.whole() && row.steps_scored <= row.steps();
}

}  // namespace

std::string TrainingHistory::Serialize() const {
  WeightsFile file;
  file.SetNumber("version", kVersion);
  file.SetNumber("steps_per_row", steps_per_row_);
  file.SetNumber("step_time_ns", Nanos(step_time_));
  file.SetNumber("wall_time_ns", Nanos(wall_time_));
  for (size_t i = 0; i < names_.size(); ++i) file.facts[absl::StrCat("pair/", i)] = names_[i];
  for (const HistoryRow& row : rows_) PutRow(row, names_, file.facts["rows"]);
  PutRow(open_, names_, file.facts["open"]);
  return WriteWeights(file);
}

absl::StatusOr<TrainingHistory> TrainingHistory::Deserialize(std::string_view bytes) {
  MM_ASSIGN_OR_RETURN(const WeightsFile file, ReadWeights(bytes));
  MM_ASSIGN_OR_RETURN(const uint64_t version, file.Number("version"));
  if (version > kVersion) {
    return absl::FailedPreconditionError(absl::StrCat("history of training: of format ", version,
                                                      ", this program reads up to ", kVersion,
                                                      "; it begins anew"));
  }
  TrainingHistory history;
  MM_ASSIGN_OR_RETURN(history.steps_per_row_, file.Number("steps_per_row"));
  MM_ASSIGN_OR_RETURN(const uint64_t step_time, file.Number("step_time_ns"));
  MM_ASSIGN_OR_RETURN(const uint64_t wall_time, file.Number("wall_time_ns"));
  history.step_time_ = ToDuration(step_time);
  history.wall_time_ = ToDuration(wall_time);
  for (auto name = file.facts.find("pair/0"); name != file.facts.end();
       name = file.facts.find(absl::StrCat("pair/", history.names_.size()))) {
    history.names_.push_back(name->second);
  }
  const auto rows = file.facts.find("rows");
  if (rows != file.facts.end()) {
    Words words(rows->second);
    while (!words.empty()) {
      if (!NextRow(words, history.names_, history.rows_.emplace_back())) {
        return Damaged("a row cannot be read");
      }
    }
  }
  const auto open = file.facts.find("open");
  if (open == file.facts.end()) return Damaged("the open row is missing");
  Words words(open->second);
  if (!NextRow(words, history.names_, history.open_) || !words.empty()) {
    return Damaged("the open row cannot be read");
  }
  if (history.rows_.size() > kRowsMax || history.names_.size() > kPairsMax ||
      history.steps_per_row_ < kStepsPerRow) {
    return Damaged("it holds more than it may");
  }
  return history;
}

}  // namespace mixmatch
