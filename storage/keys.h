// Keys of the database. Numbers are big-endian, so that keys sort as the numbers do.
//
//   name      u32 length, the bytes; names longer than 256 bytes: u32 0xffffffff, XXH3-128 of them
//   seq       u64
//   time      u64: nanoseconds since 1970 with the sign bit flipped
//
// By column family:
//   meta         "format", "counters", "binding", "forget", "rebuild-keys", "setting/" + bytes,
//                "modality/" + u32 id
//   log          seq
//   payloads     seq
//   identity     name source, name event id
//                | u32 0xfffffffe, XXH3-128 of such a key: an event that was forgotten on request
//   by_time      time, seq
//   by_scene     name scene, seq
//   by_source    name source, seq
//   by_modality  u32 id, seq
//   by_metadata  name key, name value, seq
//   features     seq, u8 percept index
//   episodes     u64 episode id
//   episode_of   seq
//   closed       u64 ordinal
//   scenes       the scene's bytes
//   generations  u64 number
//   skills       u64 id
//   teachings    u64 skill id, u64 example
//   graph        u64 generation
//   weights      name, "m" | name, "c", u64 version, u32 chunk
//   space_N      "i" | "c" | "b", u32 partition, u64 first row
//                | "g", u32 partition, u64 first row, u32 chunk | "m", u32 partition, u64 first row
// The values of by_… are empty; all others are as codec/envelope.h says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"

namespace mixmatch::keys {

inline constexpr std::string_view kFormat = "format";
inline constexpr std::string_view kCounters = "counters";
inline constexpr std::string_view kBinding = "binding";
inline constexpr std::string_view kForget = "forget";
inline constexpr std::string_view kRebuildKeys = "rebuild-keys";
inline constexpr std::string_view kSettingPrefix = "setting/";
inline constexpr std::string_view kModalityPrefix = "modality/";

std::string Setting(std::string_view name);
std::string Modality(ModalityId id);
// The id of such a key; 0 when it is malformed.
ModalityId ModalityOf(std::string_view key);

// A key that is one number.
std::string Number(uint64_t value);
std::vector<std::string> Numbers(std::span<const uint64_t> values);
// The number at the end of a key of at least 8 bytes: a seq, an id, an ordinal.
uint64_t LastNumber(std::string_view key);

std::string Identity(std::string_view source, std::string_view event_id);
// What is left of an identity that is not to be taken again: its hash.
std::string ForgottenIdentity(std::string_view source, std::string_view event_id);
std::string ForgottenPrefix();
bool IsForgottenIdentity(std::string_view key);

// Prefixes of the secondary keys, to which WithSeq adds the end.
std::string TimePrefix(int64_t time_ns);
// The time of a key of the family "by_time".
int64_t TimeOf(std::string_view key);
std::string NamePrefix(std::string_view name);
std::string ModalityPrefix(ModalityId id);
std::string MetadataPrefix(std::string_view key, std::string_view value);
std::string WithSeq(std::string prefix, Seq seq);

std::string FeaturesOf(Seq seq, uint32_t percept_index);
// Of a key of the family "features".
Seq FeaturesSeq(std::string_view key);
uint32_t FeaturesIndex(std::string_view key);

std::string TeachingOf(uint64_t skill, uint64_t example);

std::string WeightsManifest(std::string_view name);
// Whether a key of the family "weights" is a manifest's; then `name` is what it is of. False for
// names of more than 256 bytes, which the key does not hold.
bool IsWeightsManifest(std::string_view key, std::string& name);
std::string WeightsChunk(std::string_view name, uint64_t version, uint32_t chunk);

inline constexpr std::string_view kSpaceInfo = "i";
inline constexpr std::string_view kSpaceCursor = "c";
inline constexpr char kSpaceBlock = 'b';  // how a block's key begins
std::string SpaceBlock(ModalityId partition, uint64_t first_row);
std::string SpaceListsManifest(ModalityId partition, uint64_t first_row);
std::string SpaceListsChunk(ModalityId partition, uint64_t first_row, uint32_t chunk);

// Partition and first row of a key of a block or a lists' manifest.
struct RowKey {
  ModalityId partition = 0;
  uint64_t first_row = 0;

  friend auto operator<=>(const RowKey&, const RowKey&) = default;
};
RowKey RowsOf(std::string_view key);

// Lower-case hexadecimal digits, for messages.
std::string Hex(std::string_view key);

}  // namespace mixmatch::keys
