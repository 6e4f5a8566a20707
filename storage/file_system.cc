// One pointer, set before any database is opened.
#include "storage/file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <utility>

namespace mixmatch {
namespace {

rocksdb::Env* given = nullptr;

}  // namespace

void UseFileSystem(std::shared_ptr<rocksdb::FileSystem> file_system) {
  // Never deleted: RocksDB's threads use it until the process ends.
  given = rocksdb::NewCompositeEnv(std::move(file_system)).release();
}

rocksdb::Env* StorageEnv() { return given == nullptr ? rocksdb::Env::Default() : given; }

}  // namespace mixmatch
