// What a bench sends: made-up events and queries, the same for one seed, new events in every run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mixmatch/v1/event.pb.h"
#include "mixmatch/v1/memory.pb.h"

namespace mixmatch::cli {

// Vectors come in clusters, as real embeddings do: a centre, one of 256, and a deviation as long.
// Making one costs little beside sending it, so that what is measured is the daemon.
// Thread-safety: Immutable; safe to share.
class BenchData {
 public:
  // `payload`: "text" or "vector". `run`: part of the events' identities.
  BenchData(std::string payload, int dimension, uint64_t seed, std::string run);

  // Event `number` of the run: two seconds after the one before, in one of 16 scenes.
  v1::Event EventOf(uint64_t number) const;
  // A query by one percept of the same kind, which no event has.
  v1::Query QueryOf(uint64_t number) const;

  const std::string& modality() const { return modality_; }

 private:
  v1::Percept PerceptOf(uint64_t number) const;
  // A unit vector, `dimension_` numbers to `out`.
  void WriteVector(uint64_t number, float* out) const;

  const std::string payload_;
  const std::string modality_;
  const int dimension_;
  const uint64_t seed_;
  const std::string run_;
  std::vector<float> centres_;     // one after the other
  std::vector<float> deviations_;  // of a normal distribution: a vector draws from them
};

}  // namespace mixmatch::cli
