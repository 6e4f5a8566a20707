// A rebuild of the secondary keys that is cut off is finished before anyone asks by them.
#include "storage/check/rebuild.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "storage/check/fsck.h"
#include "storage/event_log.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
using testing::At;
using testing::MakePending;
using testing::OpenLog;
using testing::RawDatabase;
using testing::TempDir;
using testing::TextPercept;

constexpr int kEvents = 2100;      // more than two batches of a rebuild
constexpr uint64_t kBatch = 1024;  // of events
constexpr const char* kFamilies[] = {"by_time", "by_scene", "by_source", "by_modality",
                                     "by_metadata"};

void MakeMemory(const std::string& path) {
  const OpenLog open(path);
  std::vector<PendingEvent> events;
  for (int i = 1; i <= kEvents; ++i) {
    events.push_back(MakePending(i % 2 == 0 ? "even" : "odd", std::to_string(i), i,
                                 {TextPercept("word " + std::to_string(i))}));
    events.back().event.metadata["third"] = std::to_string(i % 3);
  }
  ASSERT_TRUE(open.log->Append(std::move(events), At(5000)).ok());
}

TEST(RebuildKeysTest, CutOffItIsFinishedByWhoeverOpensTheLogNext) {
  const TempDir dir;
  const std::string path = dir.path("db");
  const std::string cut = dir.path("cut");
  ASSERT_NO_FATAL_FAILURE(MakeMemory(path));
  {
    const auto database = *Database::Open(path, {});
    int told = 0;
    const FsckProgress copy = [&](std::string_view, uint64_t) {
      // Twice while it only looks, twice while it writes: by then one batch of keys is there. The
      // files are as a kill at this moment would leave them.
      if (++told == 4) fs::copy(path, cut, fs::copy_options::recursive);
    };
    const absl::Status status =
        Rebuild(database.get(), RebuildWhat::kKeys, testing::FeaturesFor, copy);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(told, 4);
  }
  EXPECT_EQ(RawDatabase(cut).Keys("by_time").size(), kBatch);
  {
    const OpenLog open(cut);
    EventFilter filter;
    filter.sources = {"odd"};
    const auto found = open.log->Resolve(filter);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->size(), static_cast<size_t>(kEvents / 2));
    EXPECT_EQ(open.log->event_count(), static_cast<uint64_t>(kEvents));
  }
  const auto report = Fsck(cut, [](std::string_view, uint64_t) {});
  ASSERT_TRUE(report.ok()) << report.status();
  for (const FsckFinding& finding : report->findings) ADD_FAILURE() << finding.what;
  const RawDatabase whole(path);
  const RawDatabase finished(cut);
  for (const char* const family : kFamilies) {
    EXPECT_EQ(finished.Keys(family), whole.Keys(family)) << family;
  }
  // Nothing is left to be done by the next one.
  EXPECT_EQ(finished.Keys("meta"), whole.Keys("meta"));
}

}  // namespace
}  // namespace mixmatch
