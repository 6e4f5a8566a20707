// Which closed episodes are held out of training as probes, once there are more than can be judged.
//
// Takes closed episodes in the order of their closing; gives the probes that are held out and those
// released to training. A function of the episodes alone, so a restart finds the same. Of the
// surplus those with the largest draw are released, a uniform choice over the stream, and the limit
// on draws only falls: what was released is never held out again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/ids.h"
#include "core/learning/training_source.h"

namespace mixmatch {

struct Probe {
  uint64_t ordinal = 0;
  EpisodeId id = 0;
  uint32_t draw = 0;
  uint64_t modalities = 0;
};

// Thread-safety: Not thread-safe.
class HeldOut {
 public:
  // Holds out at most `probes_max` episodes, at least 1.
  explicit HeldOut(uint64_t probes_max);

  // What is held out of the first `taken` closed episodes. Errors as the source's.
  static absl::StatusOr<HeldOut> Of(const TrainingSource& source, uint64_t taken,
                                    uint64_t probes_max);

  // Takes the next closed episode that binding chose as a probe. Returns the probes that are
  // released with it (it may be among them), in the order of closing.
  std::vector<Probe> Add(uint64_t ordinal, const ClosedEpisode& episode);

  // What is held out, in the order of closing.
  std::span<const Probe> probes() const { return probes_; }

 private:
  uint64_t probes_max_;
  uint64_t draw_below_ = uint64_t{1} << 32;
  std::vector<Probe> probes_;
};

}  // namespace mixmatch
