// What the Skills service does: requests become lessons and questions, solutions become answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/skill.h"
#include "mixmatch/v1/skills.pb.h"
#include "server/query_reader.h"
#include "server/skill_examples.h"
#include "server/skill_keeper.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it. Every call
// computes and reads on the calling thread.
class SkillDesk {
 public:
  SkillDesk(const Config& config, const EventLog* log, SkillKeeper* keeper,
            const SkillExamples* examples)
      : log_(log), keeper_(keeper), examples_(examples), reader_(config, log) {}

  absl::StatusOr<v1::CreateSkillResponse> Create(const v1::CreateSkillRequest& request) const;
  absl::StatusOr<v1::GetSkillResponse> Get(const v1::GetSkillRequest& request) const;
  absl::StatusOr<v1::ListSkillsResponse> List() const;
  absl::StatusOr<v1::DeleteSkillResponse> Delete(const v1::DeleteSkillRequest& request) const;
  absl::StatusOr<v1::TeachResponse> Teach(const v1::TeachRequest& request) const;
  absl::StatusOr<v1::UnteachResponse> Unteach(const v1::UnteachRequest& request) const;
  absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request) const;
  absl::StatusOr<v1::EvaluateResponse> Evaluate(const v1::EvaluateRequest& request) const;

 private:
  // A page of the events that a filter lets pass.
  struct Page {
    std::vector<LoggedEvent> events;
    Seq next_after = 0;  // 0: the last page
  };

  absl::StatusOr<Page> Events(const v1::ExampleFilter& filter) const;
  // What the filter says that an event is; no value for one that is passed over.
  static absl::StatusOr<std::optional<Lesson>> LessonOf(const SkillSpec& spec,
                                                        const v1::ExampleFilter& filter,
                                                        const Event& event);
  // Sequence number of a target that is an event.
  absl::StatusOr<Seq> EventOf(const v1::ExampleTarget& target, const std::string& field) const;
  absl::StatusOr<Teaching> TeachingOf(const SkillSpec& spec, const v1::TaughtExample& example,
                                      const std::string& field) const;
  absl::StatusOr<ExampleId> IdOf(const v1::ExampleTarget& target, const std::string& field) const;
  absl::StatusOr<std::vector<float>> RowOf(const SkillAnswerer& answerer,
                                           const v1::ExampleTarget& target,
                                           const std::string& field) const;
  absl::StatusOr<std::vector<float>> RowOf(const SkillAnswerer& answerer, Seq event) const;

  const EventLog* const log_;
  SkillKeeper* const keeper_;
  const SkillExamples* const examples_;
  const QueryReader reader_;
};

}  // namespace mixmatch
