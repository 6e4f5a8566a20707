// An episode: events bound together because they occur together. The unit of learning.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/ids.h"

namespace mixmatch {

// One percept of a member event, without its content.
struct EpisodeMember {
  Seq seq = 0;
  absl::Time time;             // of the event
  uint32_t percept_count = 0;  // of the event
};

struct Episode {
  EpisodeId id = 0;  // sequence number of the first logged event
  std::string scene;
  absl::Time start;                    // earliest event time
  absl::Time end;                      // latest event time plus duration
  std::vector<EpisodeMember> members;  // in sequence order
  bool closed = false;
  bool late = false;        // opened by an event later than the allowed lateness
  bool probe = false;       // held out of training; known when closed
  uint32_t probe_draw = 0;  // what decided it; the same for all episodes of a block
};

}  // namespace mixmatch
