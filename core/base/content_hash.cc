// Canonical forms and their 128-bit hash (XXH3). The canonical form is a sequence of
// length-prefixed fields, so that no two different events share it.
#include <xxhash.h>

#include <bit>
#include <string_view>
#include <type_traits>

#include "core/base/event.h"
#include "core/base/hash.h"

namespace mixmatch {
namespace {

static_assert(std::endian::native == std::endian::little, "hashes are part of the disk format");

class Hasher {
 public:
  Hasher() : state_(XXH3_createState()) { XXH3_128bits_reset(state_); }
  ~Hasher() { XXH3_freeState(state_); }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void Bytes(std::string_view bytes) {
    Number<uint64_t>(bytes.size());
    XXH3_128bits_update(state_, bytes.data(), bytes.size());
  }

  template <typename T>
  void Number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    XXH3_128bits_update(state_, &value, sizeof(value));
  }

  template <typename T>
  void Numbers(const std::vector<T>& values) {
    Number<uint64_t>(values.size());
    XXH3_128bits_update(state_, values.data(), values.size() * sizeof(T));
  }

  ContentHash Finish() {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_);
    return ContentHash{.high = hash.high64, .low = hash.low64};
  }

 private:
  XXH3_state_t* state_;
};

struct PayloadVisitor {
  Hasher& hasher;

  void operator()(const std::monostate&) const {}
  void operator()(const TextPayload& p) const { hasher.Bytes(p.text); }
  void operator()(const AudioPayload& p) const {
    hasher.Bytes(p.data);
    hasher.Bytes(p.media_type);
    hasher.Number(p.sample_rate_hz);
    hasher.Number(p.channel_count);
  }
  void operator()(const ImagePayload& p) const {
    hasher.Bytes(p.data);
    hasher.Bytes(p.media_type);
    hasher.Number(p.width_px);
    hasher.Number(p.height_px);
    hasher.Number(p.channel_count);
  }
  void operator()(const VideoPayload& p) const {
    hasher.Bytes(p.data);
    hasher.Bytes(p.media_type);
  }
  void operator()(const SeriesPayload& p) const {
    hasher.Numbers(p.values);
    hasher.Number(p.channel_count);
    hasher.Number(p.rate_hz);
    hasher.Numbers(p.times_s);
  }
  void operator()(const VectorPayload& p) const { hasher.Numbers(p.values); }
};

void AddPercept(const Percept& percept, Hasher& hasher) {
  hasher.Bytes(percept.modality);
  hasher.Number(static_cast<uint8_t>(percept.payload.index()));
  std::visit(PayloadVisitor{hasher}, percept.payload);
}

}  // namespace

ContentHash HashPercept(const Percept& percept) {
  Hasher hasher;
  AddPercept(percept, hasher);
  return hasher.Finish();
}

ContentHash HashEvent(const Event& event) {
  Hasher hasher;
  hasher.Bytes(event.event_id);
  hasher.Number<int64_t>(absl::ToUnixNanos(event.time));
  hasher.Number<int64_t>(absl::ToInt64Nanoseconds(event.duration));
  hasher.Bytes(event.source);
  hasher.Bytes(event.scene);
  hasher.Number<uint8_t>(event.position.has_value() ? 1 : 0);
  if (event.position) {
    hasher.Number(event.position->x);
    hasher.Number(event.position->y);
    hasher.Number(event.position->z);
  }
  hasher.Number<uint64_t>(event.percepts.size());
  for (const Percept& percept : event.percepts) AddPercept(percept, hasher);
  hasher.Number<uint64_t>(event.metadata.size());
  for (const auto& [key, value] : event.metadata) {
    hasher.Bytes(key);
    hasher.Bytes(value);
  }
  return hasher.Finish();
}

}  // namespace mixmatch
