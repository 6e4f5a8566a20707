// What goes wrong is said once; the next round tries again.
#include "server/table_merger.h"

#include <spdlog/spdlog.h>

#include <string>

#include "core/base/thread_priority.h"
#include "storage/blob_garbage.h"
#include "storage/small_tables.h"

namespace mixmatch {

TableMerger::TableMerger(Database* database, const DiskGuard* disk, absl::Duration interval)
    : database_(database),
      disk_(disk),
      repeater_(std::make_unique<Repeater>(interval, [this] { Look(); })) {}

TableMerger::~TableMerger() {
  stop_ = true;
  repeater_.reset();
}

void TableMerger::Look() {
  // The repeater's own. As compactions, which wait for the tables that a merge holds.
  (void)SetThreadPriority(ThisThread(), ThreadPriority::kBehind);
  if (!disk_->Check("tables not merged").ok() || !database_->health().ok()) return;
  const auto merged = MergeSmallTables(*database_, stop_);
  const auto collected = CollectBlobGarbage(*database_, stop_);
  if (merged.ok() && collected.ok()) {
    told_ = false;
    if (*merged > 0) spdlog::debug("small tables are merged: {} less", *merged);
    if (*collected > 0) spdlog::debug("garbage of {} families is collected", *collected);
  } else if (!told_) {
    told_ = true;
    const absl::Status& failed = merged.ok() ? collected.status() : merged.status();
    spdlog::warn("{}; tried again", std::string(failed.message()));
  }
}

}  // namespace mixmatch
