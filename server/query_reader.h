// What a request asks with: percepts brought to features, or a stored event's.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

  // Percepts of a request; `field` is where in it they stand. INVALID_ARGUMENT names the field.
  absl::StatusOr<QueryPercepts> Read(const v1::PerceptMixture& mixture,
                                     const std::string& field) const;
  // Percepts of a stored event. NOT_FOUND, DATA_LOSS.
  absl::StatusOr<QueryPercepts> ReadEvent(Seq seq) const;
  // Sequence number of an event. NOT_FOUND; INVALID_ARGUMENT for an empty id.
  absl::StatusOr<Seq> FindEvent(const v1::EventKey& key) const;

 private:
  const Config config_;
  const EventLog* const log_;
};

}  // namespace mixmatch
