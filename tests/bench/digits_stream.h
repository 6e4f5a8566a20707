// A digits stream as `tests/eval/digits.py export` writes it, in memory: what the learner trains on
// without a daemon, and the queries that it is judged by.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learning/training_source.h"

namespace mixmatch {

// One stored percept, with what says whether an answer is right.
struct DigitsPercept {
  TrainingPercept percept;
  std::string digit;
};

struct DigitsQuery {
  std::vector<TrainingPercept> percepts;
  std::string want;   // modality
  std::string digit;  // of right answers
  // "audio+image -> text"
  std::string Pair() const;
};

// Thread-safety: Immutable; safe to share.
class DigitsStream final : public TrainingSource {
 public:
  // Reads stream-00.jsonl, stream-01.jsonl, ... and queries.jsonl. Events of one event_id are one
  // episode; episodes close in the order of their first event.
  static absl::StatusOr<DigitsStream> Read(const std::string& folder);

  uint64_t closed_count() const override { return episodes_.size(); }
  absl::Status ListClosed(uint64_t first, uint64_t limit,
                          std::vector<ClosedEpisode>& episodes) const override;
  absl::Status Load(std::span<const EpisodeId> ids,
                    std::vector<TrainingEpisode>& episodes) const override;

  const std::vector<DigitsPercept>& percepts() const { return percepts_; }
  const std::vector<DigitsQuery>& queries() const { return queries_; }

 private:
  std::vector<TrainingEpisode> episodes_;  // ids are places here
  std::vector<DigitsPercept> percepts_;
  std::vector<DigitsQuery> queries_;
};

}  // namespace mixmatch
