// A quarter of the places is freed at a time, so that releases are rare.
#include "core/learning/held_out.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mixmatch {

HeldOut::HeldOut(uint64_t probes_max) : probes_max_(std::max<uint64_t>(probes_max, 1)) {}

absl::StatusOr<HeldOut> HeldOut::Of(const TrainingSource& source, uint64_t taken,
                                    uint64_t probes_max) {
  std::vector<ClosedEpisode> closed;
  MM_RETURN_IF_ERROR(source.ListClosed(0, taken, closed));
  HeldOut held_out(probes_max);
  for (uint64_t ordinal = 0; ordinal < closed.size(); ++ordinal) {
    if (closed[ordinal].probe) held_out.Add(ordinal, closed[ordinal]);
  }
  return held_out;
}

std::vector<Probe> HeldOut::Add(uint64_t ordinal, const ClosedEpisode& episode) {
  probes_.push_back({.ordinal = ordinal,
                     .id = episode.id,
                     .draw = episode.probe_draw,
                     .modalities = episode.modalities});
  if (probes_.size() > probes_max_) {
    std::vector<uint32_t> draws;
    for (const Probe& probe : probes_) draws.push_back(probe.draw);
    const auto kept = static_cast<std::ptrdiff_t>(probes_max_ - probes_max_ / 4);
    std::nth_element(draws.begin(), draws.begin() + kept, draws.end());
    draw_below_ = std::min<uint64_t>(draw_below_, draws[static_cast<size_t>(kept)]);
  }
  std::vector<Probe> released;
  if (probes_.size() <= probes_max_ && probes_.back().draw < draw_below_) return released;
  const auto kept_end = std::stable_partition(
      probes_.begin(), probes_.end(), [this](const Probe& p) { return p.draw < draw_below_; });
  released.assign(kept_end, probes_.end());
  probes_.erase(kept_end, probes_.end());
  return released;
}

}  // namespace mixmatch
