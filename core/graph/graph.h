// The knowledge graph of one generation: concepts, how often and when each occurred, the words
// around it, and what goes with what.
//
// Takes closed episodes with the embeddings of their percepts, in the order of closing; gives
// concepts, names, associations and timelines. A function of the concepts and the episodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/ids.h"
#include "core/graph/activation.h"
#include "core/graph/associations.h"
#include "core/graph/concepts.h"

namespace mixmatch {

struct GraphPercept {
  ItemId item;
  ModalityId modality = 0;
  absl::Time time;
  std::vector<float> vector;       // [E], unit
  std::vector<std::string> words;  // of a text
};

struct GraphEpisode {
  std::string scene;
  std::vector<GraphPercept> percepts;
};

// What is known of a concept beside its region.
struct ConceptFacts {
  uint64_t members = 0;  // percepts
  std::map<ModalityId, uint64_t> by_modality;
  absl::Time last = absl::InfinitePast();
  uint64_t episodes = 0;
  std::map<std::string, uint64_t> words;  // in how many of these episodes
};

// The words of a text: lower case, at most 16, of at most 32 bytes each.
std::vector<std::string> WordsOf(std::string_view text);

// Thread-safety: Not thread-safe while episodes are added; const methods are safe to share.
class Graph {
 public:
  Graph(ConceptSet concepts, const AssociationSettings& settings)
      : concepts_(std::move(concepts)), associations_(settings) {}

  void Add(const GraphEpisode& episode);

  const ConceptSet& concepts() const { return concepts_; }
  const Associations& associations() const { return associations_; }
  // All zeros for one that never occurred.
  const ConceptFacts& facts(ConceptId id) const;
  uint64_t episodes() const { return episodes_; }
  uint64_t unassigned() const { return unassigned_; }

  // The words that tell most of a concept, the most telling first: often with it, seldom without.
  std::vector<std::string> Names(ConceptId id, size_t count) const;

  // How many of its percepts lie in each of `parts` equal parts of [start, end).
  std::vector<uint64_t> Timeline(ConceptId id, absl::Time start, absl::Time end,
                                 size_t parts) const;
  // Times of its first and its last occurrence; infinite where there is none.
  std::pair<absl::Time, absl::Time> Span(ConceptId id) const;

 private:
  ConceptSet concepts_;
  Associations associations_;
  std::map<ConceptId, ConceptFacts> facts_;
  std::map<ConceptId, std::vector<absl::Time>> times_;
  std::map<std::string, uint64_t> words_;  // in how many episodes
  uint64_t episodes_ = 0;
  uint64_t unassigned_ = 0;
};

}  // namespace mixmatch
