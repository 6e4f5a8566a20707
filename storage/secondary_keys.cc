// Prefix by prefix, as keys.h lays them out.
#include "storage/secondary_keys.h"

#include "storage/codec/event_codec.h"
#include "storage/keys.h"

namespace mixmatch {

std::vector<std::pair<Family, std::string>> SecondaryKeysOf(Seq seq, const Event& event,
                                                            const std::set<ModalityId>& ids) {
  std::vector<std::pair<Family, std::string>> all;
  all.reserve(3 + ids.size() + event.metadata.size());
  const auto add = [&](Family family, std::string prefix) {
    all.emplace_back(family, keys::WithSeq(std::move(prefix), seq));
  };
  add(Family::kByTime, keys::TimePrefix(codec::ToNanos(event.time)));
  add(Family::kByScene, keys::NamePrefix(event.scene));
  add(Family::kBySource, keys::NamePrefix(event.source));
  for (const ModalityId id : ids) add(Family::kByModality, keys::ModalityPrefix(id));
  for (const auto& [key, value] : event.metadata) {
    add(Family::kByMetadata, keys::MetadataPrefix(key, value));
  }
  return all;
}

}  // namespace mixmatch
