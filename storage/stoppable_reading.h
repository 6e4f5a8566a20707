// Reading that can be ended in the middle of one long call of RocksDB, which knows no other way: it
// goes through an environment whose files fail once they are no longer to be read. For this folder
// alone.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Outlives what reads through it.
class StoppableReading {
 public:
  // `go_on` is asked before every read, with the bytes that were read before, on any thread; null:
  // always. Once it said false it is not asked again, and every read fails.
  using GoOn = std::function<bool(uint64_t read)>;
  explicit StoppableReading(GoOn go_on);

  // StorageEnv() but for what is said above.
  rocksdb::Env* env() const { return env_.get(); }
  // Whether `go_on` said false; then errors of what read through it mean nothing else.
  bool stopped() const;

  struct State;  // for its files

 private:
  const std::shared_ptr<State> state_;
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace mixmatch
