// What a request asks with: percepts brought to features, or a stored event's.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/event.h"
#include "core/encoder/encoder.h"
#include "core/senses/features.h"
#include "mixmatch/v1/memory.pb.h"
#include "server/config.h"
#include "storage/event_log.h"

namespace mixmatch {

// Percepts with their features.
struct QueryPercepts {
  std::vector<Percept> percepts;  // as sent; empty for those of a stored event
  std::vector<ModalitySpec> modalities;
  std::vector<Features> features;

  // Borrows from this.
  Mixture mixture() const;
};

// Thread-safety: Safe for concurrent use. Borrows the log, which must outlive it. Decodes on the
// calling thread.
class QueryReader {
 public:
  QueryReader(const Config& config, const EventLog* log) : config_(config), log_(log) {}

  // Percepts of a request; `field` is where in it they stand. INVALID_ARGUMENT names the field, and
  // NOT_FOUND a modality that nothing was stored of.
  absl::StatusOr<QueryPercepts> Read(const v1::PerceptMixture& mixture,
                                     const std::string& field) const;
  // The same for percepts that are examples themselves: some modalities may be new.
  absl::StatusOr<QueryPercepts> ReadExample(const v1::PerceptMixture& mixture,
                                            const std::string& field) const;
  // Percepts of a stored event. NOT_FOUND, DATA_LOSS.
  absl::StatusOr<QueryPercepts> ReadEvent(Seq seq) const;
  // Sequence number of an event. NOT_FOUND; INVALID_ARGUMENT for an empty id.
  absl::StatusOr<Seq> FindEvent(const v1::EventKey& key) const;

 private:
  absl::StatusOr<QueryPercepts> ReadAll(const v1::PerceptMixture& mixture, const std::string& field,
                                        bool new_allowed) const;
  // Whether there is room for a modality that nothing was stored of.
  bool Admit(const ModalitySpec& modality) const;

  const Config config_;
  const EventLog* const log_;
  mutable absl::Mutex mu_;
  mutable std::vector<ModalitySpec> new_ ABSL_GUARDED_BY(mu_);  // those that were let in
};

}  // namespace mixmatch
