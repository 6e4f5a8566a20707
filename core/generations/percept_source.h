// What re-embedding needs of storage: the stored features of every percept, in sequence order.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "core/base/event.h"
#include "core/base/ids.h"
#include "core/senses/features.h"

namespace mixmatch {

struct StoredPercept {
  ItemId item;
  ModalityId modality_id = 0;
  ModalitySpec modality;
  Features features;
};

// Thread-safety: Safe for concurrent use.
class PerceptSource {
 public:
  virtual ~PerceptSource() = default;

  // Sequence number of the last entry in the log; 0 when it is empty.
  virtual Seq last_seq() const = 0;

  // Appends the percepts of whole events from sequence `first` on, until at least `percepts_max`
  // are there or the log ends, and sets `next` to the sequence to go on from.
  virtual absl::Status ScanPercepts(Seq first, size_t percepts_max,
                                    std::vector<StoredPercept>& percepts, Seq& next) const = 0;
};

}  // namespace mixmatch
