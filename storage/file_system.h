// What the database reads and writes through.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
class FileSystem;
}  // namespace rocksdb

namespace mixmatch {

// Puts another file system under every database that is opened from then on, for tests of what
// happens when files fail. To be called before any is opened. Not thread-safe.
void UseFileSystem(std::shared_ptr<rocksdb::FileSystem> file_system);

// The operating system's, or what UseFileSystem was given. Lives as long as the process.
rocksdb::Env* StorageEnv();

}  // namespace mixmatch
