// Values of many keys of one family in one read: what lies near each other is looked up once.
#pragma once

#include <google/protobuf/message_lite.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Thread-safety: Immutable once made; safe to share.
class ManyValues {
 public:
  // Reads the values of `names`, in any order, the same more than once too.
  ManyValues(const Database::Impl& database, Family family, std::vector<std::string> names);

  size_t count() const { return names_.size(); }
  const std::string& name(size_t i) const { return names_[i]; }
  bool IsMissing(size_t i) const { return statuses_[i].IsNotFound(); }
  // The value of the i-th name, as Database::Impl::Get reads it: NOT_FOUND, DATA_LOSS.
  absl::Status Read(size_t i, google::protobuf::MessageLite& record) const;

 private:
  const Family family_;
  const std::vector<std::string> names_;
  std::vector<rocksdb::PinnableSlice> values_;
  std::vector<rocksdb::Status> statuses_;
};

}  // namespace mixmatch
