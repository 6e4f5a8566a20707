// A file system over the one of storage. Files are read one after the other or at random.
#include "storage/stoppable_reading.h"

#include <rocksdb/file_system.h>

#include <atomic>
#include <string>
#include <utility>

#include "storage/file_system.h"

namespace mixmatch {

struct StoppableReading::State {
  // What a read comes to.
  rocksdb::IOStatus Ask() {
    if (!stopped && go_on != nullptr && !go_on(read)) stopped = true;
    return stopped ? rocksdb::IOStatus::Aborted("no longer wanted") : rocksdb::IOStatus::OK();
  }

  GoOn go_on;
  std::atomic<uint64_t> read = 0;
  std::atomic<bool> stopped = false;
};

namespace {

using State = StoppableReading::State;

class InOrder final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  InOrder(std::unique_ptr<rocksdb::FSSequentialFile> file, std::shared_ptr<State> state)
      : FSSequentialFileOwnerWrapper(std::move(file)), state_(std::move(state)) {}

  rocksdb::IOStatus Read(size_t n, const rocksdb::IOOptions& options, rocksdb::Slice* result,
                         char* scratch, rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = state_->Ask();
    if (!status.ok()) return status;
    status = FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
    if (status.ok()) state_->read += result->size();
    return status;
  }

 private:
  const std::shared_ptr<State> state_;
};

class AtRandom final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  AtRandom(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::shared_ptr<State> state)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), state_(std::move(state)) {}

  rocksdb::IOStatus Read(uint64_t offset, size_t n, const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* debug) const override {
    rocksdb::IOStatus status = state_->Ask();
    if (!status.ok()) return status;
    status = FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
    if (status.ok()) state_->read += result->size();
    return status;
  }

 private:
  const std::shared_ptr<State> state_;
};

class Files final : public rocksdb::FileSystemWrapper {
 public:
  explicit Files(std::shared_ptr<State> state)
      : FileSystemWrapper(StorageEnv()->GetFileSystem()), state_(std::move(state)) {}

  const char* Name() const override { return "StoppableReading"; }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewSequentialFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<InOrder>(std::move(*file), state_);
    return status;
  }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<AtRandom>(std::move(*file), state_);
    return status;
  }

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace

StoppableReading::StoppableReading(GoOn go_on)
    : state_(std::make_shared<State>()),
      env_(rocksdb::NewCompositeEnv(std::make_shared<Files>(state_))) {
  state_->go_on = std::move(go_on);
}

bool StoppableReading::stopped() const { return state_->stopped; }

}  // namespace mixmatch
