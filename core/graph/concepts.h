// Concepts: regions of one generation's space, with numbers that outlive the generation and names
// that are the words around them.
//
// Takes embeddings of percepts; gives each its concept. Found without labels; a concept keeps its
// number as long as most of its members stay together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/graph/associations.h"
#include "core/graph/regions.h"

namespace mixmatch {

struct Concept {
  ConceptId id = 0;
  std::vector<float> centre;    // [E], unit
  double floor = -1;            // similarity below which a point is not of it
  std::vector<ItemId> members;  // some of them, by which it is known again
};

// A percept with its place in the space.
struct ConceptPoint {
  ItemId item;
  ModalityId modality = 0;
  std::vector<float> vector;  // [E], unit
};

// Thread-safety: Not thread-safe while it is changed; const methods are safe to share.
class ConceptSet {
 public:
  ConceptSet() = default;

  // Finds the concepts among points of one space. Each modality's mean is taken away first: what
  // all of its points share says nothing about what they are of. Of `before`, the concepts of
  // another space or of fewer points, a number goes on with the region that has most of its
  // members; a concept whose members went into another's region redirects there.
  static ConceptSet Find(std::span<const ConceptPoint> points, size_t dimension,
                         const ConceptSet* before, const RegionSettings& settings);

  // The concept of a point [E]; 0 when it is like none.
  ConceptId Assign(ModalityId modality, std::span<const float> vector) const;

  // Similarity of a point [E] to a concept's middle, -1 to 1; -1 for one that is not there.
  double Similarity(ConceptId id, ModalityId modality, std::span<const float> vector) const;

  // Follows redirections: the concept that a number stands for now; 0 for one that never was.
  ConceptId Resolve(ConceptId id) const;

  const std::vector<Concept>& concepts() const { return parts_.concepts; }
  const Concept* Get(ConceptId id) const;

  // For storage.
  struct Parts {
    size_t dimension = 0;
    ConceptId next_id = 1;
    std::vector<Concept> concepts;
    std::map<ConceptId, ConceptId> redirects;
    std::map<ModalityId, std::vector<float>> means;  // [E] each
  };
  const Parts& parts() const { return parts_; }
  explicit ConceptSet(Parts parts) : parts_(std::move(parts)) {}

 private:
  std::vector<float> Centred(ModalityId modality, std::span<const float> vector) const;
  void KeepNumbers(std::span<const ConceptPoint> points, const Regions& regions,
                   const ConceptSet* before);

  Parts parts_;
};

}  // namespace mixmatch
