// Records and weights of generations, in RocksDB.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/generations/generation_store.h"
#include "storage/database.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class GenerationTable final : public GenerationStore {
 public:
  // Borrows the database, which must outlive it.
  explicit GenerationTable(Database* database) : database_(database) {}

  absl::StatusOr<std::vector<GenerationRecord>> ListRecords() const override;
  absl::Status PutRecords(std::span<const GenerationRecord> records) override;
  absl::Status PutWeights(std::string_view name, std::string_view bytes) override;
  absl::StatusOr<std::string> GetWeights(std::string_view name) const override;
  absl::Status DeleteWeights(std::string_view name) override;

 private:
  Database* const database_;
  absl::Mutex weights_mu_;  // held while weights are replaced, which takes several writes
};

}  // namespace mixmatch
