// A read that fails for a moment is not taken for a value that is damaged or not there: what could
// not be looked at is neither passed over nor called done.
#include <gtest/gtest.h>
#include <rocksdb/file_system.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

#include "space_testing.h"
#include "storage/database_impl.h"
#include "storage/event_log.h"
#include "storage/file_system.h"
#include "storage/forgetting.h"
#include "storage/retention.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using testing::AppendOne;
using testing::At;
using testing::Fill;
using testing::ImagePercept;
using testing::MakePending;
using testing::Naive;
using testing::OpenLog;
using testing::OpenSpace;
using testing::TempDir;

// The names of files that cannot be read.
// Thread-safety: Safe for concurrent use.
class Unreadable {
 public:
  void Set(std::set<std::string> files) {
    const std::lock_guard lock(mu_);
    files_ = std::move(files);
    all_ = false;
  }
  void SetAll() {
    const std::lock_guard lock(mu_);
    all_ = true;
  }
  IOStatus Check(const std::string& file) const {
    const std::lock_guard lock(mu_);
    return all_ || files_.contains(file) ? IOStatus::IOError("injected") : IOStatus::OK();
  }

 private:
  mutable std::mutex mu_;
  std::set<std::string> files_;
  bool all_ = false;
};

Unreadable unreadable;

class ReadFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  ReadFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::string name)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), name_(std::move(name)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, rocksdb::Slice* result,
                char* scratch, IODebugContext* dbg) const override {
    IOStatus status = unreadable.Check(name_);
    if (!status.ok()) return status;
    return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, dbg);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override {
    IOStatus status = unreadable.Check(name_);
    if (!status.ok()) return status;
    return FSRandomAccessFileOwnerWrapper::MultiRead(requests, count, options, dbg);
  }

 private:
  const std::string name_;
};

class Files final : public rocksdb::FileSystemWrapper {
 public:
  Files() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "Files"; }

  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* dbg) override {
    IOStatus status = target()->NewRandomAccessFile(path, options, file, dbg);
    if (status.ok()) {
      *file = std::make_unique<ReadFile>(std::move(*file), path.substr(path.rfind('/') + 1));
    }
    return status;
  }
};

class ReadErrorsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    [[maybe_unused]] static const bool once = (UseFileSystem(std::make_shared<Files>()), true);
  }
  void TearDown() override { unreadable.Set({}); }

  // From now on the tables of a family cannot be read.
  static void Fail(Database& database, rocksdb::ColumnFamilyHandle* family) {
    rocksdb::ColumnFamilyMetaData facts;
    database.impl().db().GetColumnFamilyMetaData(family, &facts);
    std::set<std::string> tables;
    for (const rocksdb::LevelMetaData& level : facts.levels) {
      for (const rocksdb::SstFileMetaData& file : level.files) {
        tables.insert(file.relative_filename);
      }
    }
    ASSERT_FALSE(tables.empty()) << family->GetName();
    unreadable.Set(std::move(tables));
  }

  // A database with ten pictures, closed, so that the mark is at its end.
  std::string MakeMemory() {
    std::string path = dir_.path("db");
    const OpenLog open(path);
    for (int i = 1; i <= 10; ++i) {
      AppendOne(*open.log,
                MakePending("s", std::to_string(i), i, {ImagePercept("png " + std::to_string(i))}),
                i);
    }
    return path;
  }

  const TempDir dir_;
};

TEST_F(ReadErrorsTest, ForgettingIsNotDoneWhileASpaceCannotBeRead) {
  const std::string path = MakeMemory();
  {
    const OpenSpace open(path, {}, /*create=*/true);
    Naive naive;
    Fill(*open.space, naive, 10, 0, 1);
    const Seq second = 2;
    ASSERT_TRUE(AskToForget(open.database.get(), {&second, 1}, {}, At(2000)).ok());
  }
  const auto database = *Database::Open(path, {});
  ASSERT_NO_FATAL_FAILURE(Fail(*database, database->impl().FindNamed("space_3").get()));
  const auto failed = ForgetAsAsked(database.get(), [](std::string_view part, uint64_t) {
    if (part == FamilyName(Family::kMeta)) unreadable.Set({});  // before files are written anew
  });
  EXPECT_TRUE(absl::IsUnavailable(failed.status())) << failed.status();
  unreadable.Set({});
  const auto forgotten = ForgetAsAsked(database.get(), [](std::string_view, uint64_t) {});
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_TRUE(forgotten->has_value());
  const auto spaces = MakeEmbeddingSpaces(database.get(), {});
  const auto space = spaces->Open(3);
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_EQ((*space)->count(), 18u);
}

TEST_F(ReadErrorsTest, ADiskThatCannotBeReadIsNotTakenForAWorkingOne) {
  const std::string path = MakeMemory();
  {
    const auto database = *Database::Open(path, {});
    EXPECT_TRUE(database->ProbeDisk().ok()) << database->ProbeDisk();
    ASSERT_NO_FATAL_FAILURE(Fail(*database, database->impl().handle(Family::kLog)));
    EXPECT_TRUE(absl::IsUnavailable(database->ProbeDisk())) << database->ProbeDisk();
    std::set<std::string> options;
    for (const auto& file : std::filesystem::directory_iterator(path)) {
      const std::string name = file.path().filename();
      if (name.starts_with("OPTIONS")) options.insert(name);
    }
    ASSERT_FALSE(options.empty());
    unreadable.Set(options);
    EXPECT_TRUE(absl::IsUnavailable(database->ProbeDisk())) << database->ProbeDisk();
    unreadable.Set({});
    EXPECT_TRUE(database->ProbeDisk().ok()) << database->ProbeDisk();
  }
  unreadable.SetAll();
  const auto opened = Database::Open(path, {});  // and so it is tried again
  EXPECT_TRUE(absl::IsUnavailable(opened.status())) << opened.status();
  unreadable.Set({});
  EXPECT_TRUE(Database::Open(path, {}).ok());
}

class RetentionReadErrorsTest : public ReadErrorsTest,
                                public ::testing::WithParamInterface<Family> {};

TEST_P(RetentionReadErrorsTest, RetentionComesBackToWhatItCouldNotRead) {
  const auto database = *Database::Open(MakeMemory(), {});
  const std::vector<RetentionRule> rules = *ParseRetention("*=1s");
  std::atomic<bool> stop = false;
  ASSERT_NO_FATAL_FAILURE(Fail(*database, database->impl().handle(GetParam())));
  const auto failed = DropPayloads(database.get(), rules, At(1e6), stop);
  EXPECT_TRUE(absl::IsUnavailable(failed.status())) << failed.status();
  unreadable.Set({});
  const auto dropped = DropPayloads(database.get(), rules, At(1e6), stop);
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  EXPECT_EQ(dropped->events, 9u);  // the last entry stays for the mark
}

INSTANTIATE_TEST_SUITE_P(Families, RetentionReadErrorsTest,
                         ::testing::Values(Family::kIdentity, Family::kPayloads));

}  // namespace
}  // namespace mixmatch
