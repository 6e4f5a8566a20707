// Keeps the skills: their lessons on the disk, and a thread that solves them.
//
// Takes lessons from the service; gives solutions, which are immutable, to whoever asks. A lesson
// is on the disk when Teach returns, and in the next solution soon after; once teaching has paused,
// the skill settles: what it sees, its ridge and its confidence are chosen anew.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/base/stoppable_sleep.h"
#include "core/generations/generation_store.h"
#include "core/generations/generations.h"
#include "core/skills/skill.h"
#include "core/skills/skill_solver.h"
#include "server/disk_guard.h"
#include "storage/skill_table.h"

namespace mixmatch {

struct SkillEntry;

// A skill as it is now.
struct SkillState {
  SkillSpec spec;
  uint64_t example_count = 0;
  std::map<std::string, uint64_t> label_counts;
  std::shared_ptr<const SkillSolution> solution;  // in the serving space; null while there is none
  bool current = false;                           // the solution is of exactly these examples
};

struct TeachCounts {
  uint64_t taught = 0;
  uint64_t retaught = 0;
  uint64_t unchanged = 0;
};

// What a question is answered with.
struct SkillAnswerer {
  SkillSpec spec;
  std::shared_ptr<const SkillSolution> solution;
  std::shared_ptr<const Space> space;
};

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
// Lock order: mu_ before a skill's own.
class SkillKeeper {
 public:
  struct Parts {
    SkillTable* table = nullptr;
    ExampleSource* examples = nullptr;
    const Generations* generations = nullptr;
    const DiskGuard* disk = nullptr;
    const Clock* clock = nullptr;
  };

  // Reads what is stored. DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<SkillKeeper>> Open(const Parts& parts);
  ~SkillKeeper();

  void Start();
  // Ends the thread after the solution in progress; Prepare returns at once from then on.
  void Stop();

  // ALREADY_EXISTS; FAILED_PRECONDITION when there are too many; RESOURCE_EXHAUSTED (disk full).
  // The id and time of `spec` are set here.
  absl::StatusOr<SkillState> Create(SkillSpec spec);
  // NOT_FOUND names the skill, here and below.
  absl::StatusOr<SkillState> Get(const std::string& name) const;
  std::vector<SkillState> List() const;  // by name
  absl::Status Delete(const std::string& name);

  // Synced when it returns. RESOURCE_EXHAUSTED while too much waits to be solved or the disk is
  // full; INVALID_ARGUMENT for more labels than a skill may have.
  absl::StatusOr<TeachCounts> Teach(const std::string& name, std::vector<Teaching> teachings);
  // Returns how many were there.
  absl::StatusOr<uint64_t> Unteach(const std::string& name, std::span<const ExampleId> examples);
  absl::StatusOr<uint64_t> UnteachAll(const std::string& name);

  // What to ask with now. FAILED_PRECONDITION while nothing was taught; UNAVAILABLE while it is
  // being solved.
  absl::StatusOr<SkillAnswerer> Answerer(const std::string& name) const;
  std::optional<Lesson> LessonOf(const std::string& name, ExampleId example) const;

  // How well a candidate's encoder carries the skills with most examples, against the serving
  // one's: for the gate. A skill that cannot be judged is left out.
  std::vector<GateScore> Scores(const Encoder& candidate, const Encoder& serving) const;

  // Solves every skill in a space that is about to serve; returns when they are solved. A skill
  // that cannot be solved there does not hold it up.
  void Prepare(const std::shared_ptr<const Space>& next);

 private:
  explicit SkillKeeper(const Parts& parts) : parts_(parts) {}

  absl::StatusOr<std::shared_ptr<SkillEntry>> Find(const std::string& name) const;
  std::vector<std::shared_ptr<SkillEntry>> Entries() const;
  SkillState StateOf(SkillEntry& entry) const;
  absl::StatusOr<uint64_t> Remove(SkillEntry& entry, std::span<const ExampleId> examples);
  void Wake();
  void Run();
  // Brings one skill up to date in a space. Returns when it wants to be looked at again; infinite
  // when nothing is left to do.
  absl::Duration Bring(SkillEntry& entry, const std::shared_ptr<const Space>& space,
                       bool settle_now);

  const Parts parts_;
  mutable absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<SkillEntry>> entries_ ABSL_GUARDED_BY(mu_);
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<const Space> wanted_ ABSL_GUARDED_BY(mu_);  // to be prepared
  std::shared_ptr<const Space> next_ ABSL_GUARDED_BY(mu_);    // prepared, and not serving yet
  StoppableSleep pause_;
  std::thread thread_;
};

}  // namespace mixmatch
