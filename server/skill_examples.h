// The examples of skills, out of the log, the spaces and the teachings.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/skills/example_source.h"
#include "server/query_reader.h"
#include "storage/event_log.h"
#include "storage/skill_table.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class SkillExamples final : public ExampleSource {
 public:
  SkillExamples(const EventLog* log, const SkillTable* table) : log_(log), table_(table) {}

  std::shared_ptr<const FeatureMap> FrontEnd(const SkillSpec& spec) override;
  absl::Status Rows(const SkillSpec& spec, std::span<const ExampleId> examples,
                    const FeatureMap& map, const Space& space, std::span<float> out,
                    std::vector<bool>& readable) const override;
  absl::Status Points(const SkillSpec& spec, std::span<const ExampleId> examples,
                      const Encoder& encoder, std::span<float> out,
                      std::vector<bool>& readable) const override;

  // The row of percepts that a request asks with: those that the skill looks at, embedded together.
  // INVALID_ARGUMENT (field `field`) where there is none.
  static absl::StatusOr<std::vector<float>> RowOf(const SkillSpec& spec, const QueryPercepts& query,
                                                  const FeatureMap& map, const Space& space,
                                                  const std::string& field);

  // Whether an event has a percept that the skill looks at, by its header.
  static bool Looks(const SkillSpec& spec, const Event& event);

 private:
  // The stored point of an event that has one percept in question; false where it has more, or is
  // not embedded yet.
  absl::StatusOr<bool> ReadPoint(const SkillSpec& spec, ExampleId example, const Space& space,
                                 std::span<float> point) const;
  absl::StatusOr<QueryPercepts> Percepts(const SkillSpec& spec, ExampleId example) const;
  // Encodes the examples at these places: their points in `points` [n, E]. Marks those that were
  // readable.
  absl::Status Encode(const SkillSpec& spec, std::span<const ExampleId> examples,
                      std::span<const size_t> places, const Encoder& encoder,
                      std::span<float> points, std::vector<bool>& readable) const;

  const EventLog* const log_;
  const SkillTable* const table_;
  absl::Mutex mu_;
  std::map<ModalityId, std::shared_ptr<const FeatureMap>> front_ends_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
