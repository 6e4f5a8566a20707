// Inverse squares of what each part may be off by.
#include "server/part_weights.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

namespace mixmatch {
namespace {

// Chosen on the digits eval's validation part (tests/eval/RESULTS.md). The nearest alone tells a
// part's distance: of a word that was heard once there is one, and those behind say nothing of it.
constexpr double kLeastDistance = 0.0003;  // of what is known exactly
constexpr double kDisagreement = 0.05;
constexpr uint64_t kProbesMin = 8;  // fewer say little; as for the gate's cells

// How far percepts of `from` were from their partners of `to`; nullopt while that is not known.
std::optional<double> Measured(const std::string& from, const std::string& to,
                               std::span<const PartnerDistance> measured) {
  const auto it =
      std::lower_bound(measured.begin(), measured.end(), std::tie(from, to),
                       [](const PartnerDistance& entry,
                          const std::tuple<const std::string&, const std::string&>& key) {
                         return std::tie(entry.from, entry.to) < key;
                       });
  if (it == measured.end() || it->from != from || it->to != to) return std::nullopt;
  if (it->probe_count < kProbesMin) return std::nullopt;
  return it->mean;
}

// How far each part's modality is from what is asked for, as a share of their geometric mean; 1 for
// all where that is not known of all of them.
std::vector<double> Offsets(std::span<const QueryPart> parts, std::span<const std::string> asked,
                            std::span<const PartnerDistance> measured) {
  std::vector<double> offsets(parts.size());
  std::vector<double> of_target(parts.size());
  int targets = 0;
  for (const std::string& target : asked) {
    const auto is_known = [&](const QueryPart& part) {
      const std::optional<double> mean = Measured(part.modality, target, measured);
      of_target[static_cast<size_t>(&part - parts.data())] = mean.value_or(0);
      return mean.has_value();
    };
    if (!std::all_of(parts.begin(), parts.end(), is_known)) continue;
    for (size_t p = 0; p < parts.size(); ++p) offsets[p] += of_target[p];
    ++targets;
  }
  if (targets == 0) return std::vector<double>(parts.size(), 1);
  double logarithms = 0;
  for (double& offset : offsets) {
    offset = std::max(offset / targets, kLeastDistance);
    logarithms += std::log(offset);
  }
  const double middle = std::exp(logarithms / static_cast<double>(parts.size()));
  for (double& offset : offsets) offset /= middle;
  return offsets;
}

}  // namespace

std::vector<double> PartWeights(std::span<const QueryPart> parts, double apart,
                                std::span<const std::string> asked,
                                std::span<const PartnerDistance> measured) {
  const std::vector<double> offsets = Offsets(parts, asked, measured);
  std::vector<double> weights;
  for (size_t p = 0; p < parts.size(); ++p) {
    const double off =
        parts[p].distance + kLeastDistance + kDisagreement * apart * apart * offsets[p];
    weights.push_back(1 / (off * off));  // 0 of an infinite one
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  if (largest == 0) return std::vector<double>(parts.size(), 1);
  for (double& weight : weights) weight /= largest;
  return weights;
}

}  // namespace mixmatch
