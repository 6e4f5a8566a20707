// The registry of modalities: what each name means, from its first percept on. Ground state.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/event.h"
#include "core/base/ids.h"
#include "storage/database_impl.h"
#include "storage/event_log.h"

namespace mixmatch {

// The most modalities that a memory knows.
inline constexpr size_t kModalitiesMax = 4096;

// The registry at one moment. A copy is changed by the appending thread and published when its
// write is on the disk.
struct ModalityTable {
  std::map<std::string, RegisteredModality, std::less<>> by_name;
  std::map<ModalityId, ModalitySpec> by_id;
  ModalityId next_id = 1;

  // The ids of an event's percepts, in order; registers what is new and counts. On an error that
  // names the field (INVALID_ARGUMENT, or RESOURCE_EXHAUSTED beyond kModalitiesMax) nothing is
  // changed.
  absl::Status Admit(const Event& event, std::vector<ModalityId>& ids);
};

// Thread-safety: Safe for concurrent use.
class ModalityRegistry {
 public:
  absl::Status Load(const Database::Impl& database);

  // The registry as published last; immutable.
  std::shared_ptr<const ModalityTable> table() const;
  void Publish(ModalityTable table);

  // Adds to a batch what differs from the published table.
  void PutChanges(const Database::Impl& database, const ModalityTable& changed,
                  rocksdb::WriteBatch& batch) const;

 private:
  mutable absl::Mutex mu_;
  std::shared_ptr<const ModalityTable> table_ ABSL_GUARDED_BY(mu_) =
      std::make_shared<ModalityTable>();
};

}  // namespace mixmatch
