// Hashes whose values never change: they name content, choose probes and seed parameters, and are
// part of the disk format.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace mixmatch {

// 128 bits that name content. Equal content has equal hashes; different content practically never.
struct ContentHash {
  uint64_t high = 0;
  uint64_t low = 0;

  friend auto operator<=>(const ContentHash&, const ContentHash&) = default;
};

struct Event;

// Hash of an event's canonical form: fields in number order, metadata sorted by key, payload bytes
// and numbers as sent. The ingest time is not part of it. Thread-safe.
ContentHash HashEvent(const Event& event);

struct Percept;

// Hash of a percept's modality and payload: equal for identical percepts of different events.
ContentHash HashPercept(const Percept& percept);

// 64-bit hash for seeds and choices (FNV-1a, then the finaliser of SplitMix64). Needs no library.
uint64_t StableHash64(std::string_view bytes, uint64_t seed = 0);

// Mixes a number into a seed.
uint64_t StableMix64(uint64_t seed, uint64_t value);

}  // namespace mixmatch
