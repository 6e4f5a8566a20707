// The optimiser and the averaged (EMA) copy of the weights. Linear maps are turned (Muon, K. Jordan
// and others, 2024: momentum made orthogonal; scaled as by J. Liu and others, arXiv 2502.16982);
// everything else is updated by AdamW. Gradients are clipped. To make momentum orthogonal takes
// half as many operations as forward and backward pass, and momentum changes slowly: so each map
// turns every few updates, by as much more, and the maps take turns.
//
// Internal to core/learning: includes torch. Counts per parameter, so that a modality which comes
// late warms up like one that was there from the start, and one that is absent from a batch is left
// as it is.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/encoder/parameters.h"
#include "core/encoder/weights_file.h"

namespace mixmatch {

struct OptimiserSettings {
  double rate = 1e-3;      // of everything but linear maps
  double map_rate = 3e-3;  // of linear maps: an update's root mean square is a fifth of it
  int turn_every = 2;      // updates from one turn of a linear map to its next
  int warm_up = 40;        // updates over which the rates rise
  double map_momentum = 0.95;
  double momentum = 0.9;
  double second_momentum = 0.98;
  double weight_decay = 0.02;  // of matrices
  double gradient_norm_max = 1.0;
  double average = 0.98;           // what the average keeps in a step, once warm
  double settled_share = 1.0 / 3;  // of updates that brought nothing new the average spans
};

// Thread-safety: Not thread-safe: one owner thread.
class Optimiser {
 public:
  explicit Optimiser(const OptimiserSettings& settings)
      : settings_(settings), phase_costs_(static_cast<size_t>(settings.turn_every)) {}

  // Takes parameters into care that are not yet.
  void Adopt(std::span<const Parameter> parameters);

  // One update from the gradients that the parameters hold, which are then dropped. INTERNAL, and
  // nothing changed, when a gradient is not finite. `settled`: how many updates in a row were made
  // of what was known before; the longer, the further back the average looks.
  absl::Status Update(uint64_t settled = 0);

  // The averaged values, by name.
  void SaveAverages(WeightsFile& file) const;
  // All but the parameters' own values, under names of its own.
  void Save(WeightsFile& file) const;
  // What Save() wrote, for the parameters in care; takes it out of `file`. DATA_LOSS.
  absl::Status Load(WeightsFile& file);

 private:
  struct Slot {
    std::string name;
    at::Tensor value;
    at::Tensor first;    // mean of gradients
    at::Tensor second;   // mean of their squares; not defined for linear maps
    at::Tensor average;  // of values
    int64_t maps = 0;    // as Parameter's
    uint64_t phase = 0;  // the update, modulo turn_every, in which the maps turn
    uint64_t updates = 0;
    uint64_t steps = 0;  // since it is in care
    // Of a table: rows that ever had a gradient, and for each row whether it is among them. The
    // others are as they were made, and cost nothing.
    std::vector<int64_t> rows;
    std::vector<bool> known;
  };

  // For maps of a parameter of this shape: the phase with the least to do, which then has more.
  uint64_t NextPhase(const Parameter& parameter);
  double GradientScale() const;
  void UpdateSlot(Slot& slot, double gradient_scale) const;
  static void LearnRows(Slot& slot, const at::Tensor& gradient);
  void TurnMaps(Slot& slot, double gradient_scale, double warmth) const;
  void Average(Slot& slot, double keep) const;

  const OptimiserSettings settings_;
  std::vector<Slot> slots_;
  std::vector<double> phase_costs_;  // multiplications, by phase
};

}  // namespace mixmatch
