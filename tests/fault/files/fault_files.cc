// Every operation that writes passes the disk before and after.
#include "tests/fault/files/fault_files.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace mixmatch::fault {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus Failure(int number) {
  return number == ENOSPC ? IOStatus::NoSpace("injected", std::strerror(number))
                          : IOStatus::IOError("injected", std::strerror(number));
}

// What a write meets.
IOStatus Obstacle(const Switches& switches) {
  if (switches.eio) return Failure(EIO);
  if (switches.enospc) return Failure(ENOSPC);
  if (switches.readonly) return Failure(EROFS);
  return IOStatus::OK();
}

class WrittenFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WrittenFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, uint64_t size,
              Disk* disk, const Switches* switches)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        kind_(FileKindOf(path_)),
        disk_(disk),
        switches_(switches),
        size_(size) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    return Grow(data, [&] { return target()->Append(data, options, dbg); });
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* dbg) override {
    return Grow(data, [&] { return target()->Append(data, options, info, dbg); });
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    IOStatus status = target()->Truncate(size, options, dbg);
    if (status.ok()) size_ = size;
    return status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return Settle([&] { return target()->Sync(options, dbg); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Settle([&] { return target()->Fsync(options, dbg); });
  }

 private:
  template <typename Write>
  IOStatus Grow(const Slice& data, Write&& write) {
    disk_->Pass(false, Operation::kAppend, kind_);
    IOStatus status = Obstacle(*switches_);
    if (!status.ok()) return status;
    // Said before, so that a cut between the two finds it.
    size_ += data.size();
    disk_->Grown(path_, size_);
    status = write();
    disk_->Pass(true, Operation::kAppend, kind_);
    return status;
  }

  template <typename Write>
  IOStatus Settle(Write&& write) {
    const uint64_t size = size_;
    disk_->Pass(false, Operation::kSync, kind_);
    IOStatus status = switches_->eio ? Failure(EIO) : write();
    if (status.ok()) disk_->Synced(path_, size);
    disk_->Pass(true, Operation::kSync, kind_);
    return status;
  }

  const std::string path_;
  const FileKind kind_;
  Disk* const disk_;
  const Switches* const switches_;
  std::atomic<uint64_t> size_;  // a file may be synced while it grows
};

class SyncedFolder final : public rocksdb::FSDirectoryWrapper {
 public:
  SyncedFolder(std::unique_ptr<rocksdb::FSDirectory> folder, std::string path, Disk* disk)
      : FSDirectoryWrapper(std::move(folder)), path_(std::move(path)), disk_(disk) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Settle([&] { return FSDirectoryWrapper::Fsync(options, dbg); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions& what) override {
    return Settle([&] { return FSDirectoryWrapper::FsyncWithDirOptions(options, dbg, what); });
  }

 private:
  template <typename Write>
  IOStatus Settle(Write&& write) {
    disk_->Pass(false, Operation::kSyncFolder, FileKind::kFolder);
    IOStatus status = write();
    if (status.ok()) disk_->FolderSynced(path_);
    disk_->Pass(true, Operation::kSyncFolder, FileKind::kFolder);
    return status;
  }

  const std::string path_;
  Disk* const disk_;
};

class ReadFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  ReadFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, const Switches* switches)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), switches_(switches) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override {
    if (switches_->eio_read) return Failure(EIO);
    return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, dbg);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override {
    if (switches_->eio_read) return Failure(EIO);
    return FSRandomAccessFileOwnerWrapper::MultiRead(requests, count, options, dbg);
  }

 private:
  const Switches* const switches_;
};

// One slash between parts, none at the end: a path is a key.
std::string Plain(const std::string& path) {
  std::string plain;
  for (const char c : path) {
    if (c != '/' || plain.empty() || plain.back() != '/') plain.push_back(c);
  }
  if (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  return plain;
}

class FaultFiles final : public rocksdb::FileSystemWrapper {
 public:
  FaultFiles(Disk* disk, const Switches* switches)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk), switches_(switches) {}

  const char* Name() const override { return "FaultFiles"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* dbg) override {
    return Make(
        name, [&] { return target()->NewWritableFile(name, options, file, dbg); }, file);
  }

  IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                             const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext* dbg) override {
    disk_->Renaming(Plain(old_name), Plain(name));
    return Make(
        name, [&] { return target()->ReuseWritableFile(name, old_name, options, file, dbg); },
        file);
  }

  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* dbg) override {
    const IOStatus obstacle = Obstacle(*switches_);
    if (!obstacle.ok()) return obstacle;
    IOStatus status = target()->ReopenWritableFile(name, options, file, dbg);
    if (!status.ok()) return status;
    const uint64_t size = (*file)->GetFileSize(IOOptions(), dbg);
    *file = std::make_unique<WrittenFile>(std::move(*file), Plain(name), size, disk_, switches_);
    return status;
  }

  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* folder,
                        IODebugContext* dbg) override {
    IOStatus status = target()->NewDirectory(name, options, folder, dbg);
    if (status.ok()) {
      *folder = std::make_unique<SyncedFolder>(std::move(*folder), Plain(name), disk_);
    }
    return status;
  }

  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* dbg) override {
    if (switches_->eio_read) return Failure(EIO);
    IOStatus status = target()->NewRandomAccessFile(name, options, file, dbg);
    if (status.ok()) *file = std::make_unique<ReadFile>(std::move(*file), switches_);
    return status;
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override {
    const FileKind kind = FileKindOf(from);
    disk_->Pass(false, Operation::kRename, kind);
    const IOStatus obstacle = Obstacle(*switches_);
    if (!obstacle.ok()) return obstacle;
    disk_->Renaming(Plain(from), Plain(to));
    IOStatus status = target()->RenameFile(from, to, options, dbg);
    disk_->Pass(true, Operation::kRename, kind);
    return status;
  }

  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* dbg) override {
    IOStatus status = target()->LinkFile(from, to, options, dbg);
    if (status.ok()) disk_->Created(Plain(to));
    return status;
  }

  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* dbg) override {
    const FileKind kind = FileKindOf(name);
    disk_->Pass(false, Operation::kDelete, kind);
    disk_->Deleting(Plain(name));
    IOStatus status = target()->DeleteFile(name, options, dbg);
    disk_->Pass(true, Operation::kDelete, kind);
    return status;
  }

 private:
  template <typename Open>
  IOStatus Make(const std::string& name, Open&& open,
                std::unique_ptr<rocksdb::FSWritableFile>* file) {
    const FileKind kind = FileKindOf(name);
    disk_->Pass(false, Operation::kCreate, kind);
    IOStatus status = Obstacle(*switches_);
    if (!status.ok()) return status;
    status = open();
    if (!status.ok()) return status;
    disk_->Created(Plain(name));
    disk_->Pass(true, Operation::kCreate, kind);
    *file = std::make_unique<WrittenFile>(std::move(*file), Plain(name), 0, disk_, switches_);
    return status;
  }

  Disk* const disk_;
  const Switches* const switches_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> MakeFaultFiles(Disk* disk, const Switches* switches) {
  return std::make_shared<FaultFiles>(disk, switches);
}

}  // namespace mixmatch::fault
