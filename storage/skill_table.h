// Skills and their teachings, in RocksDB: ground state.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/skills/skill.h"
#include "storage/database.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use; one thread at a time creates.
class SkillTable {
 public:
  // Borrows the database, which must outlive it.
  explicit SkillTable(Database* database) : database_(database) {}

  // Every skill, by id.
  absl::StatusOr<std::vector<SkillSpec>> List() const;
  // Stores a new skill under its id, synced.
  absl::Status Create(const SkillSpec& spec);
  // Deletes a skill with its teachings, synced.
  absl::Status Delete(uint64_t skill);

  // Stores teachings in one synced write; over those of the same examples.
  absl::Status Put(uint64_t skill, std::span<const Teaching> teachings);
  // Deletes teachings in one synced write; OK for those that are not there.
  absl::Status Remove(uint64_t skill, std::span<const ExampleId> examples);

  // One teaching. NOT_FOUND, DATA_LOSS.
  absl::StatusOr<Teaching> Get(uint64_t skill, ExampleId example) const;
  // Appends at most `limit` teachings with examples from `first` on, in their order.
  absl::Status Scan(uint64_t skill, ExampleId first, size_t limit,
                    std::vector<Teaching>& teachings) const;

 private:
  Database* const database_;
};

}  // namespace mixmatch
