// Regions get the numbers of the concepts whose members they hold.
#include "core/graph/concepts.h"

#include <algorithm>
#include <cmath>

#include "core/base/hash.h"
#include "core/skills/linear_algebra.h"

namespace mixmatch {
namespace {

constexpr size_t kCentredMin = 50;   // points of a modality, from which its mean is known
constexpr size_t kMembersMax = 200;  // kept of a concept, those with the smallest hashes
constexpr double kFloorSpreads = 4;  // standard deviations below the mean similarity to the centre
constexpr uint64_t kMemberSeed = 0x6d656d62;

std::map<ModalityId, std::vector<float>> MeansOf(std::span<const ConceptPoint> points,
                                                 size_t dimension) {
  std::map<ModalityId, std::vector<float>> means;
  std::map<ModalityId, size_t> counts;
  for (const ConceptPoint& point : points) {
    std::vector<float>& mean = means[point.modality];
    mean.resize(dimension);
    for (size_t c = 0; c < dimension; ++c) mean[c] += point.vector[c];
    ++counts[point.modality];
  }
  for (auto& [modality, mean] : means) {
    const size_t count = counts[modality];
    const float share = count >= kCentredMin ? 1 / static_cast<float>(count) : 0;
    for (float& value : mean) value *= share;
  }
  return means;
}

}  // namespace

std::vector<float> ConceptSet::Centred(ModalityId modality, std::span<const float> vector) const {
  std::vector<float> centred(vector.begin(), vector.end());
  const auto mean = parts_.means.find(modality);
  if (mean != parts_.means.end()) {
    for (size_t c = 0; c < centred.size(); ++c) centred[c] -= mean->second[c];
  }
  Normalise(centred);
  return centred;
}

ConceptSet ConceptSet::Find(std::span<const ConceptPoint> points, size_t dimension,
                            const ConceptSet* before, const RegionSettings& settings) {
  ConceptSet set;
  set.parts_.dimension = dimension;
  set.parts_.means = MeansOf(points, dimension);
  if (before != nullptr) {
    set.parts_.next_id = before->parts_.next_id;
    set.parts_.redirects = before->parts_.redirects;
  }
  std::vector<float> x;
  for (const ConceptPoint& point : points) {
    const std::vector<float> centred = set.Centred(point.modality, point.vector);
    x.insert(x.end(), centred.begin(), centred.end());
  }
  const Regions regions = FindRegions(x, dimension, settings);
  set.parts_.concepts.resize(regions.count());
  std::vector<double> sums(regions.count());
  std::vector<double> squares(regions.count());
  std::vector<double> counts(regions.count());
  std::vector<std::vector<std::pair<uint64_t, ItemId>>> drawn(regions.count());
  for (size_t i = 0; i < points.size(); ++i) {
    const size_t region = regions.of[i];
    const double similarity =
        Dot(std::span<const float>(x).subspan(i * dimension, dimension),
            std::span<const float>(regions.centres).subspan(region * dimension, dimension));
    sums[region] += similarity;
    squares[region] += similarity * similarity;
    ++counts[region];
    drawn[region].emplace_back(StableMix64(kMemberSeed, points[i].item.value), points[i].item);
  }
  for (size_t region = 0; region < regions.count(); ++region) {
    Concept& made = set.parts_.concepts[region];
    const auto centre =
        std::span<const float>(regions.centres).subspan(region * dimension, dimension);
    made.centre.assign(centre.begin(), centre.end());
    const double mean = sums[region] / counts[region];
    const double variance = std::max(0.0, squares[region] / counts[region] - mean * mean);
    made.floor = mean - kFloorSpreads * std::sqrt(variance) - 0.01;
    std::sort(drawn[region].begin(), drawn[region].end());
    for (size_t i = 0; i < std::min(kMembersMax, drawn[region].size()); ++i) {
      made.members.push_back(drawn[region][i].second);
    }
  }
  set.KeepNumbers(points, regions, before);
  return set;
}

void ConceptSet::KeepNumbers(std::span<const ConceptPoint> points, const Regions& regions,
                             const ConceptSet* before) {
  std::map<ItemId, size_t> region_of;
  for (size_t i = 0; i < points.size(); ++i) region_of[points[i].item] = regions.of[i];
  struct Overlap {
    size_t count;
    ConceptId id;
    size_t region;
  };
  std::vector<Overlap> overlaps;
  if (before != nullptr) {
    for (const Concept& old : before->concepts()) {
      std::map<size_t, size_t> counts;
      for (const ItemId item : old.members) {
        const auto region = region_of.find(item);
        if (region != region_of.end()) ++counts[region->second];
      }
      for (const auto& [region, count] : counts) overlaps.push_back({count, old.id, region});
    }
  }
  std::stable_sort(overlaps.begin(), overlaps.end(), [](const Overlap& a, const Overlap& b) {
    return a.count != b.count ? a.count > b.count : a.id < b.id;
  });
  std::map<ConceptId, size_t> went_on;
  for (const Overlap& overlap : overlaps) {
    ConceptId& id = parts_.concepts[overlap.region].id;
    if (id != 0 || went_on.contains(overlap.id)) continue;
    id = overlap.id;
    went_on[overlap.id] = overlap.region;
  }
  for (Concept& made : parts_.concepts) {
    if (made.id == 0) made.id = parts_.next_id++;
  }
  // Where most members of what did not go on are now.
  for (const Overlap& overlap : overlaps) {
    if (!went_on.contains(overlap.id)) {
      parts_.redirects.try_emplace(overlap.id, parts_.concepts[overlap.region].id);
    }
  }
}

ConceptId ConceptSet::Assign(ModalityId modality, std::span<const float> vector) const {
  const std::vector<float> centred = Centred(modality, vector);
  ConceptId best = 0;
  double nearest = -2;
  double floor = 0;
  for (const Concept& known : parts_.concepts) {
    const double similarity =
        Dot(std::span<const float>(centred), std::span<const float>(known.centre));
    if (similarity <= nearest) continue;
    nearest = similarity;
    best = known.id;
    floor = known.floor;
  }
  return nearest >= floor ? best : 0;
}

double ConceptSet::Similarity(ConceptId id, ModalityId modality,
                              std::span<const float> vector) const {
  const Concept* const known = Get(id);
  if (known == nullptr) return -1;
  const std::vector<float> centred = Centred(modality, vector);
  return Dot(std::span<const float>(centred), std::span<const float>(known->centre));
}

ConceptId ConceptSet::Resolve(ConceptId id) const {
  for (size_t hops = 0; hops <= parts_.redirects.size(); ++hops) {
    if (Get(id) != nullptr) return id;
    const auto next = parts_.redirects.find(id);
    if (next == parts_.redirects.end()) return 0;
    id = next->second;
  }
  return 0;
}

const Concept* ConceptSet::Get(ConceptId id) const {
  for (const Concept& known : parts_.concepts) {
    if (known.id == id) return &known;
  }
  return nullptr;
}

}  // namespace mixmatch
