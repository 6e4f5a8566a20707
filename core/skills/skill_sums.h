// Everything that one skill was taught, over one feature map: sums to solve it from, and a sample.
//
// The same whatever the order of teaching; what is taken away was never there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/example_sample.h"
#include "core/skills/moments.h"
#include "core/skills/solved_skill.h"

namespace mixmatch {

// What an example was taught to be.
struct Lesson {
  std::vector<std::string> labels;  // one of kLabel, any number of kLabels
  double number = 0;                // of kNumber

  friend bool operator==(const Lesson&, const Lesson&) = default;
};

// Thread-safety: Not thread-safe: one owner thread.
class SkillSums {
 public:
  // Keeps at most `sample_max` examples by themselves.
  SkillSums(SkillKind kind, size_t dimension, size_t sample_max);

  // Examples with their lessons, and their rows x [n, D]. An example that is there must be removed
  // first, with the lesson and the row that it was added with.
  void Add(std::span<const uint64_t> examples, std::span<const Lesson> lessons,
           std::span<const float> x);
  void Remove(uint64_t example, const Lesson& lesson, std::span<const float> x);

  // Whether the sample lacks an example that it would have had no other one been removed: then the
  // whole is to be made anew.
  bool short_of_one() const { return sample_.short_of_one(); }
  double count() const { return moments_.count(); }
  size_t dimension() const { return moments_.dimension(); }

  // As SolveSkill().
  absl::StatusOr<std::shared_ptr<const SolvedSkill>> Solve(const SolveSettings& settings,
                                                           const SolvedSkill* like) const;

  // The label of an output.
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  int OutputOf(const std::string& label);

  SkillKind kind_;
  Moments moments_;
  Responses responses_;
  ExampleSample sample_;
  std::map<std::string, int> outputs_;
  std::vector<std::string> labels_;  // by output
};

}  // namespace mixmatch
