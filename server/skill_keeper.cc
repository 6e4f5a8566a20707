// Lessons go to the disk, then into a queue for the thread of skill_keeper_thread.cc.
#include "server/skill_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "core/skills/skill_scores.h"
#include "server/skill_entry.h"

namespace mixmatch {
namespace {

constexpr size_t kSkillsMax = 1000;
constexpr size_t kJudgedMax = 20;    // skills that count at the gate: those with most examples
constexpr size_t kLabelsMax = 2000;  // of one skill: it is solved by matrices of labels by labels
constexpr size_t kPendingMax = 200'000;  // lessons of one skill that wait to be solved
constexpr size_t kScanChunk = 4096;

absl::Status NotThere(const std::string& name) {
  return FieldError(absl::StatusCode::kNotFound, "skill",
                    absl::StrCat("skill not found: '", name, "'; list them for their names"));
}

// Whether the labels that a skill has and those to come are few enough.
absl::Status CheckLabels(const SkillEntry& entry, const std::map<ExampleId, LessonChange>& changes)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(entry.mu) {
  std::set<std::string_view> added;
  for (const auto& [example, change] : changes) {
    for (const std::string& label : change.after->labels) {
      if (!entry.label_counts.contains(label)) added.insert(label);
    }
  }
  const size_t count = entry.label_counts.size() + added.size();
  if (added.empty() || count <= kLabelsMax) return absl::OkStatus();
  return InvalidField("labels", absl::StrCat("not taught: skill ", entry.spec.name, " would have ",
                                             count, " labels; at most ", kLabelsMax,
                                             ": teach what is common, not what is unique"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SkillKeeper>> SkillKeeper::Open(const Parts& parts) {
  std::unique_ptr<SkillKeeper> keeper(new SkillKeeper(parts));
  MM_ASSIGN_OR_RETURN(const std::vector<SkillSpec> specs, parts.table->List());
  const absl::MutexLock lock(&keeper->mu_);
  for (const SkillSpec& spec : specs) {
    auto entry = std::make_shared<SkillEntry>(spec, parts.examples);
    const absl::MutexLock entry_lock(&entry->mu);
    std::vector<Teaching> teachings;
    for (ExampleId first = 0;;) {
      teachings.clear();
      MM_RETURN_IF_ERROR(parts.table->Scan(spec.id, first, kScanChunk, teachings));
      for (Teaching& teaching : teachings) {
        entry->Note({.example = teaching.example, .before = {}, .after = teaching.lesson});
      }
      if (teachings.size() < kScanChunk) break;
      first = teachings.back().example + 1;
    }
    keeper->next_id_ = std::max(keeper->next_id_, spec.id + 1);
    keeper->entries_[spec.name] = entry;
  }
  return keeper;
}

absl::StatusOr<std::shared_ptr<SkillEntry>> SkillKeeper::Find(const std::string& name) const {
  const absl::MutexLock lock(&mu_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return NotThere(name);
  return found->second;
}

std::vector<std::shared_ptr<SkillEntry>> SkillKeeper::Entries() const {
  const absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<SkillEntry>> entries;
  for (const auto& [name, entry] : entries_) entries.push_back(entry);
  return entries;
}

SkillState SkillKeeper::StateOf(SkillEntry& entry) const {
  const Generation serving = parts_.generations->serving()->number;
  const absl::MutexLock lock(&entry.mu);
  SkillState state{.spec = entry.spec,
                   .example_count = entry.lessons.size(),
                   .label_counts = entry.label_counts};
  const auto solved = entry.solved.find(serving);
  if (solved != entry.solved.end()) {
    state.solution = solved->second.solution;
    state.current = solved->second.version == entry.version;
  }
  return state;
}

absl::StatusOr<SkillState> SkillKeeper::Create(SkillSpec spec) {
  MM_RETURN_IF_ERROR(parts_.disk->Check("skill not made"));
  std::shared_ptr<SkillEntry> entry;
  {
    const absl::MutexLock lock(&mu_);
    if (entries_.contains(spec.name)) {
      return FieldError(absl::StatusCode::kAlreadyExists, "skill.name",
                        absl::StrCat("skill not made: '", spec.name,
                                     "' exists; delete it first or take another name"));
    }
    if (entries_.size() >= kSkillsMax) {
      return absl::FailedPreconditionError(
          absl::StrCat("skill not made: there are ", kSkillsMax, "; delete one first"));
    }
    spec.id = next_id_;
    spec.create_time = parts_.clock->Now();
    MM_RETURN_IF_ERROR(parts_.table->Create(spec));
    ++next_id_;
    entry = std::make_shared<SkillEntry>(spec, parts_.examples);
    entries_[spec.name] = entry;
  }
  return StateOf(*entry);
}

absl::StatusOr<SkillState> SkillKeeper::Get(const std::string& name) const {
  MM_ASSIGN_OR_RETURN(const std::shared_ptr<SkillEntry> entry, Find(name));
  return StateOf(*entry);
}

std::vector<SkillState> SkillKeeper::List() const {
  std::vector<SkillState> states;
  for (const std::shared_ptr<SkillEntry>& entry : Entries()) states.push_back(StateOf(*entry));
  return states;
}

absl::Status SkillKeeper::Delete(const std::string& name) {
  const absl::MutexLock lock(&mu_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return NotThere(name);
  // Held, so that no lesson comes in between.
  const absl::MutexLock entry_lock(&found->second->mu);
  MM_RETURN_IF_ERROR(parts_.table->Delete(found->second->spec.id));
  found->second->deleted = true;
  entries_.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<TeachCounts> SkillKeeper::Teach(const std::string& name,
                                               std::vector<Teaching> teachings) {
  MM_RETURN_IF_ERROR(parts_.disk->Check("not taught"));
  MM_ASSIGN_OR_RETURN(const std::shared_ptr<SkillEntry> entry, Find(name));
  TeachCounts counts;
  {
    const absl::MutexLock lock(&entry->mu);
    if (entry->deleted) return NotThere(name);
    if (entry->pending.size() + teachings.size() > kPendingMax) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "not taught: ", entry->pending.size(), " lessons wait to be solved; try again later"));
    }
    std::vector<Teaching> stored;
    std::map<ExampleId, LessonChange> changes;  // of one example the last lesson holds
    for (Teaching& teaching : teachings) {
      std::sort(teaching.lesson.labels.begin(), teaching.lesson.labels.end());
      const auto known = entry->lessons.find(teaching.example);
      LessonChange change{.example = teaching.example, .after = teaching.lesson};
      if (known != entry->lessons.end()) change.before = known->second;
      changes[teaching.example] = std::move(change);
    }
    for (Teaching& teaching : teachings) {
      const LessonChange& change = changes[teaching.example];
      if (change.after != teaching.lesson || change.before == change.after) continue;
      stored.push_back(std::move(teaching));
    }
    MM_RETURN_IF_ERROR(CheckLabels(*entry, changes));
    if (!stored.empty()) MM_RETURN_IF_ERROR(parts_.table->Put(entry->spec.id, stored));
    for (const auto& [example, change] : changes) {
      if (change.before == change.after) {
        ++counts.unchanged;
        continue;
      }
      ++(change.before ? counts.retaught : counts.taught);
      entry->Note(change);
    }
    if (!stored.empty()) {
      ++entry->version;
      entry->changed = SteadyNow();
    }
  }
  Wake();
  return counts;
}

absl::StatusOr<uint64_t> SkillKeeper::Remove(SkillEntry& entry,
                                             std::span<const ExampleId> examples) {
  std::vector<LessonChange> changes;
  std::vector<ExampleId> there;
  for (const ExampleId example : examples) {
    const auto known = entry.lessons.find(example);
    if (known == entry.lessons.end() ||
        std::find(there.begin(), there.end(), example) != there.end()) {
      continue;
    }
    changes.push_back({.example = example, .before = known->second});
    there.push_back(example);
  }
  if (there.empty()) return 0;
  MM_RETURN_IF_ERROR(parts_.table->Remove(entry.spec.id, there));
  for (const LessonChange& change : changes) entry.Note(change);
  ++entry.version;
  entry.changed = SteadyNow();
  return there.size();
}

absl::StatusOr<uint64_t> SkillKeeper::Unteach(const std::string& name,
                                              std::span<const ExampleId> examples) {
  MM_ASSIGN_OR_RETURN(const std::shared_ptr<SkillEntry> entry, Find(name));
  absl::StatusOr<uint64_t> count;
  {
    const absl::MutexLock lock(&entry->mu);
    if (entry->deleted) return NotThere(name);
    count = Remove(*entry, examples);
  }
  Wake();
  return count;
}

absl::StatusOr<uint64_t> SkillKeeper::UnteachAll(const std::string& name) {
  MM_ASSIGN_OR_RETURN(const std::shared_ptr<SkillEntry> entry, Find(name));
  std::vector<ExampleId> all;
  {
    const absl::MutexLock lock(&entry->mu);
    for (const auto& [example, lesson] : entry->lessons) all.push_back(example);
  }
  uint64_t count = 0;
  for (size_t at = 0; at < all.size(); at += kScanChunk) {
    const auto part = std::span(all).subspan(at, std::min(kScanChunk, all.size() - at));
    MM_ASSIGN_OR_RETURN(const uint64_t removed, Unteach(name, part));
    count += removed;
  }
  return count;
}

absl::StatusOr<SkillAnswerer> SkillKeeper::Answerer(const std::string& name) const {
  MM_ASSIGN_OR_RETURN(const std::shared_ptr<SkillEntry> entry, Find(name));
  const std::shared_ptr<const Space> space = parts_.generations->serving();
  const absl::MutexLock lock(&entry->mu);
  if (entry->lessons.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "skill '", name, "' not asked: nothing was taught; teach examples before asking"));
  }
  const auto solved = entry->solved.find(space->number);
  if (solved != entry->solved.end() && !solved->second.failure.ok()) {
    return solved->second.failure;
  }
  if (solved == entry->solved.end() || solved->second.solution == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("skill '", name, "' not asked: it is being solved; try again"));
  }
  return SkillAnswerer{.spec = entry->spec, .solution = solved->second.solution, .space = space};
}

std::optional<Lesson> SkillKeeper::LessonOf(const std::string& name, ExampleId example) const {
  const auto entry = Find(name);
  if (!entry.ok()) return std::nullopt;
  const absl::MutexLock lock(&(*entry)->mu);
  const auto known = (*entry)->lessons.find(example);
  if (known == (*entry)->lessons.end()) return std::nullopt;
  return known->second;
}

std::vector<GateScore> SkillKeeper::Scores(const Encoder& candidate, const Encoder& serving) const {
  std::vector<std::pair<size_t, std::shared_ptr<SkillEntry>>> largest;
  for (const std::shared_ptr<SkillEntry>& entry : Entries()) {
    const absl::MutexLock lock(&entry->mu);
    largest.emplace_back(entry->lessons.size(), entry);
  }
  std::stable_sort(largest.begin(), largest.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (largest.size() > kJudgedMax) largest.resize(kJudgedMax);
  std::vector<GateScore> scores;
  for (const auto& [count, entry] : largest) {
    std::map<ExampleId, Lesson> lessons;
    {
      const absl::MutexLock lock(&entry->mu);
      lessons = entry->lessons;
    }
    const auto score = ScoreSkill(entry->spec, lessons, *parts_.examples, candidate, serving);
    if (!score.ok()) {
      spdlog::warn("skill {} does not count at the gate: {}", entry->spec.name,
                   std::string(score.status().message()));
    } else if (*score) {
      scores.push_back(**score);
    }
  }
  return scores;
}

}  // namespace mixmatch
