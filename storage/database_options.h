// How RocksDB is set up, in one place; for this folder alone.
#pragma once

#include <rocksdb/options.h>

#include <memory>

#include "storage/database_impl.h"

namespace mixmatch {

// Options of the database and of its column families. The reasons are beside the settings.
class RocksOptions {
 public:
  explicit RocksOptions(const DatabaseOptions& options);

  rocksdb::DBOptions Database() const;
  rocksdb::ColumnFamilyOptions ForFamily(Family family) const;
  // Of the families made at run time: blocks of embeddings and chunks of graphs.
  rocksdb::ColumnFamilyOptions ForNamed() const;

 private:
  const DatabaseOptions options_;
  const std::shared_ptr<rocksdb::Cache> cache_;
};

}  // namespace mixmatch
