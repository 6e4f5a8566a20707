// RocksDB sorts the names itself.
#include "storage/many_values.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/keys.h"
#include "storage/rocks_status.h"

namespace mixmatch {

ManyValues::ManyValues(const Database::Impl& database, Family family,
                       std::vector<std::string> names)
    : family_(family), names_(std::move(names)), values_(names_.size()), statuses_(names_.size()) {
  const std::vector<rocksdb::Slice> slices(names_.begin(), names_.end());
  database.db().MultiGet({}, database.handle(family), slices.size(), slices.data(), values_.data(),
                         statuses_.data());
}

absl::Status ManyValues::Read(size_t i, google::protobuf::MessageLite& record) const {
  if (!statuses_[i].ok()) {
    return FromRocks(statuses_[i], absl::StrCat(std::string(FamilyName(family_)),
                                                " value not read: key ", keys::Hex(names_[i])));
  }
  return codec::Decode(FamilyName(family_), names_[i], values_[i].ToStringView(), record);
}

}  // namespace mixmatch
