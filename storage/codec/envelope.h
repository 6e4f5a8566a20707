// The envelope of every value: what makes a damaged one known before it is believed.
//
// Layout of a value (part of the disk format):
//   u8   version of the envelope, 1
//   u64  XXH3-64 of the payload, little-endian; its seed is the XXH3-64 of the key with the
//        version as seed, so that a value under another key is damage too
//   …    payload: a message of records.proto
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mixmatch::codec {

inline constexpr uint8_t kEnvelopeVersion = 1;
inline constexpr size_t kEnvelopeBytes = 9;

// The value of `record` under `key`.
std::string Encode(std::string_view key, const google::protobuf::MessageLite& record);

// Checks a value and reads it into `record`. DATA_LOSS that names family and key.
absl::Status Decode(std::string_view family, std::string_view key, std::string_view value,
                    google::protobuf::MessageLite& record);

// The same without reading it: for values of any message.
absl::Status CheckEnvelope(std::string_view family, std::string_view key, std::string_view value);

// DATA_LOSS: "<family> value not read: key <hex>: <fact>; <what to do>".
absl::Status Damaged(std::string_view family, std::string_view key, std::string_view fact);

// XXH3-64, for values that are written in chunks.
uint64_t Checksum(std::string_view bytes);

}  // namespace mixmatch::codec
