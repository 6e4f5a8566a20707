// Version and checksum around a serialised message.
#include "storage/codec/envelope.h"

#include <google/protobuf/message_lite.h>
#include <xxhash.h>

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/keys.h"

namespace mixmatch::codec {
namespace {

static_assert(std::endian::native == std::endian::little, "values are little-endian");

uint64_t PayloadChecksum(uint8_t version, std::string_view key, std::string_view payload) {
  const uint64_t seed = XXH3_64bits_withSeed(key.data(), key.size(), version);
  return XXH3_64bits_withSeed(payload.data(), payload.size(), seed);
}

}  // namespace

std::string Encode(std::string_view key, const google::protobuf::MessageLite& record) {
  const size_t size = record.ByteSizeLong();
  std::string value(kEnvelopeBytes + size, '\0');
  record.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(value.data() + kEnvelopeBytes));
  const uint64_t checksum =
      PayloadChecksum(kEnvelopeVersion, key, std::string_view(value).substr(kEnvelopeBytes));
  value[0] = static_cast<char>(kEnvelopeVersion);
  std::memcpy(value.data() + 1, &checksum, sizeof(checksum));
  return value;
}

absl::Status CheckEnvelope(std::string_view family, std::string_view key, std::string_view value) {
  if (value.size() < kEnvelopeBytes) {
    return Damaged(family, key, absl::StrCat("only ", value.size(), " bytes"));
  }
  const auto version = static_cast<uint8_t>(value[0]);
  if (version != kEnvelopeVersion) {
    return Damaged(family, key, absl::StrCat("unknown format version ", version));
  }
  uint64_t checksum = 0;
  std::memcpy(&checksum, value.data() + 1, sizeof(checksum));
  const std::string_view payload = value.substr(kEnvelopeBytes);
  if (PayloadChecksum(version, key, payload) != checksum) {
    return Damaged(family, key, absl::StrCat("checksum of ", payload.size(), " bytes differs"));
  }
  return absl::OkStatus();
}

absl::Status Decode(std::string_view family, std::string_view key, std::string_view value,
                    google::protobuf::MessageLite& record) {
  MM_RETURN_IF_ERROR(CheckEnvelope(family, key, value));
  const std::string_view payload = value.substr(kEnvelopeBytes);
  if (!record.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return Damaged(family, key, "the message does not parse");
  }
  return absl::OkStatus();
}

absl::Status Damaged(std::string_view family, std::string_view key, std::string_view fact) {
  const absl::string_view family_view(family.data(), family.size());
  const absl::string_view fact_view(fact.data(), fact.size());
  return absl::DataLossError(absl::StrCat(family_view, " value not read: key ", keys::Hex(key),
                                          ": ", fact_view,
                                          "; check the disk and restore a snapshot"));
}

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace mixmatch::codec
