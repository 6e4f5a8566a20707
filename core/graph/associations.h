// What goes with what: directed associations between concepts, learned from when and where they
// occur.
//
// Takes occurrences episode by episode; gives associations. Three kinds, kept apart:
//   succession     Hebbian with time: A before B strengthens A → B by exp(-delay / time constant),
//   B
//                  before A weakens it by the same. Independent things cancel out, however
//                  frequent; strength is in standard deviations of what chance would give.
//   co-occurrence  in the same episode, against what chance would give.
//   place          in the same scenes, against what chance would give.
// Counts do not depend on the order in which the events of a window arrive. They never fade; what
// was not seen for long counts for less when it is read, by the events' own time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/ids.h"

namespace mixmatch {

// Number of a concept, from 1; never reused. 0: none.
using ConceptId = uint64_t;

struct Occurrence {
  ConceptId concept_id = 0;
  absl::Time time;
};

struct AssociationSettings {
  absl::Duration time_constant = absl::Seconds(5);
  double window_constants = 4;  // pairs farther apart than so many time constants do not count
  // The same concept again within this share of a time constant is the same occurrence.
  double same_share = 0.2;
  double strength_min = 5;  // standard deviations from which an association is believed
  uint64_t count_min = 5;   // and how often it was seen
  // After so long without being seen again, an association weighs half as much; infinite: never.
  absl::Duration half_life = absl::InfiniteDuration();
};

enum class AssociationKind { kSuccession, kCoOccurrence, kPlace };

struct Association {
  ConceptId from = 0;
  ConceptId to = 0;
  AssociationKind kind = AssociationKind::kSuccession;
  double strength = 0;  // standard deviations above chance
  uint64_t count = 0;   // succession: occurrences of `from` that `to` followed within the window;
                        // otherwise episodes or scenes' occurrences with both
  double probability = 0;  // of `to`, given `from`: within the window, in the episode, in the scene
  double chance = 0;       // the same if they had nothing to do with each other
  absl::Duration delay;    // of a succession: median from `from` to the next `to`
  bool indirect = false;   // a succession that two others explain, one after the other
  absl::Time last;         // when it was seen last
  double recency = 1;  // 0 to 1: by the half-life, from `last` to the newest occurrence of anything
};

// Thread-safety: Not thread-safe: one owner thread.
class Associations {
 public:
  explicit Associations(const AssociationSettings& settings) : settings_(settings) {}

  // One closed episode, with the occurrences of its percepts in any order.
  void Add(const std::string& scene, std::span<const Occurrence> occurrences);

  // Believed associations of one kind, those with the largest strength times recency first; with
  // `from`, of that one alone. Indirect successions are left out unless `indirect`.
  std::vector<Association> List(AssociationKind kind, ConceptId from, bool indirect) const;

  // How often a concept occurred.
  uint64_t count(ConceptId concept_id) const;
  uint64_t episodes() const { return episodes_; }
  absl::Duration window() const { return settings_.time_constant * settings_.window_constants; }

 private:
  static constexpr size_t kBins = 48;
  using Edge = std::pair<ConceptId, ConceptId>;

  struct Recent {  // an occurrence that others may still follow
    ConceptId concept_id = 0;
    absl::Time time;
    std::map<ConceptId, absl::Duration> followers;  // the next of each, and how much later
  };
  struct Following {
    double hebbian = 0;
    double squares = 0;  // of what was added and taken away
    uint64_t count = 0;
    std::array<uint32_t, kBins> delays{};
    absl::Time last = absl::InfinitePast();
  };
  struct Seen {
    uint64_t count = 0;
    absl::Time last = absl::InfinitePast();

    void Add(absl::Time time) {
      ++count;
      last = std::max(last, time);
    }
  };
  struct Scene {
    std::deque<Recent> recent;  // by time
    absl::Time last = absl::InfinitePast();
    double active_s = 0;
    std::map<ConceptId, Seen> seen;
    uint64_t total = 0;
  };

  size_t BinOf(absl::Duration delay) const;
  double BinEdge(size_t bin) const;  // seconds
  void Insert(Scene& scene, const Occurrence& occurrence);
  void Follow(Recent& before, ConceptId after, absl::Duration delay);
  double Recency(absl::Time last) const;
  absl::Duration Delay(const Following& following, double chance_per_s) const;
  std::vector<Association> Successions() const;
  std::vector<Association> CoOccurrences() const;
  std::vector<Association> Places() const;

  AssociationSettings settings_;
  std::map<std::string, Scene> scenes_;
  std::map<ConceptId, uint64_t> counts_;          // occurrences
  std::map<ConceptId, uint64_t> episode_counts_;  // episodes with it
  std::map<Edge, Following> following_;
  std::map<Edge, Seen> together_;  // episodes with both; the smaller id first
  uint64_t episodes_ = 0;
  absl::Time newest_ = absl::InfinitePast();
  double active_s_ = 0;
};

}  // namespace mixmatch
