// Big-endian numbers and length-prefixed names.
#include "storage/keys.h"

#include <xxhash.h>

#include "absl/strings/escaping.h"

namespace mixmatch::keys {
namespace {

constexpr size_t kNameBytesMax = 256;
constexpr uint32_t kHashedName = 0xffffffff;
constexpr uint32_t kForgottenName = 0xfffffffe;

template <typename T>
void AppendNumber(T value, std::string& key) {
  for (size_t shift = sizeof(T) * 8; shift > 0; shift -= 8) {
    key.push_back(static_cast<char>((value >> (shift - 8)) & 0xff));
  }
}

template <typename T>
T ReadNumber(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

void AppendName(std::string_view name, std::string& key) {
  if (name.size() <= kNameBytesMax) {
    AppendNumber(static_cast<uint32_t>(name.size()), key);
    key.append(name);
    return;
  }
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  AppendNumber(kHashedName, key);
  AppendNumber<uint64_t>(hash.high64, key);
  AppendNumber<uint64_t>(hash.low64, key);
}

std::string RowsKey(char what, ModalityId partition, uint64_t first_row) {
  std::string key(1, what);
  AppendNumber(partition, key);
  AppendNumber(first_row, key);
  return key;
}

}  // namespace

std::string Setting(std::string_view name) {
  std::string key(kSettingPrefix);
  key.append(name);
  return key;
}

std::string Modality(ModalityId id) {
  std::string key(kModalityPrefix);
  AppendNumber(id, key);
  return key;
}

ModalityId ModalityOf(std::string_view key) {
  if (key.size() != kModalityPrefix.size() + sizeof(ModalityId)) return 0;
  return ReadNumber<ModalityId>(key.substr(kModalityPrefix.size()));
}

std::string Number(uint64_t value) {
  std::string key;
  AppendNumber(value, key);
  return key;
}

std::vector<std::string> Numbers(std::span<const uint64_t> values) {
  std::vector<std::string> keys;
  keys.reserve(values.size());
  for (const uint64_t value : values) keys.push_back(Number(value));
  return keys;
}

uint64_t LastNumber(std::string_view key) {
  return ReadNumber<uint64_t>(key.substr(key.size() - sizeof(uint64_t)));
}

std::string Identity(std::string_view source, std::string_view event_id) {
  std::string key;
  AppendName(source, key);
  AppendName(event_id, key);
  return key;
}

std::string ForgottenIdentity(std::string_view source, std::string_view event_id) {
  const std::string identity = Identity(source, event_id);
  const XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  std::string key;
  AppendNumber(kForgottenName, key);
  AppendNumber<uint64_t>(hash.high64, key);
  AppendNumber<uint64_t>(hash.low64, key);
  return key;
}

std::string ForgottenPrefix() {
  std::string prefix;
  AppendNumber(kForgottenName, prefix);
  return prefix;
}

bool IsForgottenIdentity(std::string_view key) { return key.starts_with(ForgottenPrefix()); }

std::string TimePrefix(int64_t time_ns) {
  return Number(static_cast<uint64_t>(time_ns) ^ (uint64_t{1} << 63));
}

int64_t TimeOf(std::string_view key) {
  return static_cast<int64_t>(ReadNumber<uint64_t>(key.substr(0, sizeof(uint64_t))) ^
                              (uint64_t{1} << 63));
}

std::string NamePrefix(std::string_view name) {
  std::string key;
  AppendName(name, key);
  return key;
}

std::string ModalityPrefix(ModalityId id) {
  std::string key;
  AppendNumber(id, key);
  return key;
}

std::string MetadataPrefix(std::string_view key, std::string_view value) {
  return Identity(key, value);
}

std::string WithSeq(std::string prefix, Seq seq) {
  AppendNumber(seq, prefix);
  return prefix;
}

std::string FeaturesOf(Seq seq, uint32_t percept_index) {
  std::string key = Number(seq);
  key.push_back(static_cast<char>(percept_index));
  return key;
}

Seq FeaturesSeq(std::string_view key) { return ReadNumber<uint64_t>(key); }

uint32_t FeaturesIndex(std::string_view key) { return static_cast<unsigned char>(key.back()); }

std::string TeachingOf(uint64_t skill, uint64_t example) { return WithSeq(Number(skill), example); }

std::string WeightsManifest(std::string_view name) { return NamePrefix(name) + "m"; }

bool IsWeightsManifest(std::string_view key, std::string& name) {
  if (key.size() < sizeof(uint32_t) + 1 || key.back() != 'm') return false;
  const auto size = ReadNumber<uint32_t>(key);
  if (size != key.size() - sizeof(uint32_t) - 1) return false;
  name = std::string(key.substr(sizeof(uint32_t), size));
  return true;
}

std::string WeightsChunk(std::string_view name, uint64_t version, uint32_t chunk) {
  std::string key = NamePrefix(name) + "c";
  AppendNumber(version, key);
  AppendNumber(chunk, key);
  return key;
}

std::string SpaceBlock(ModalityId partition, uint64_t first_row) {
  return RowsKey(kSpaceBlock, partition, first_row);
}

std::string SpaceListsManifest(ModalityId partition, uint64_t first_row) {
  return RowsKey('m', partition, first_row);
}

std::string SpaceListsChunk(ModalityId partition, uint64_t first_row, uint32_t chunk) {
  std::string key = RowsKey('g', partition, first_row);
  AppendNumber(chunk, key);
  return key;
}

RowKey RowsOf(std::string_view key) {
  RowKey rows;
  if (key.size() < 1 + sizeof(uint32_t) + sizeof(uint64_t)) return rows;
  rows.partition = ReadNumber<uint32_t>(key.substr(1));
  rows.first_row = ReadNumber<uint64_t>(key.substr(1 + sizeof(uint32_t)));
  return rows;
}

std::string Hex(std::string_view key) {
  return absl::BytesToHexString(absl::string_view(key.data(), key.size()));
}

}  // namespace mixmatch::keys
