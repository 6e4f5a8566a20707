// Brings the database back after the disk failed under it. An error of the disk while something is
// written ends all writing until the database is opened again: this looks whether the disk can be
// written once more, and then has the daemon start anew in its process. Damage that a compaction
// met ends writing too, and is still there when the database is opened again: for it the daemon
// starts anew once, and not again within a day, since it may be met at once; then it goes on
// reading.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/repeater.h"
#include "storage/database.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows the database, which must outlive it.
class DatabaseHealer {
 public:
  // `restart`: asks the process to drain and to start anew; called once at most.
  DatabaseHealer(const Database* database, std::function<void()> restart,
                 absl::Duration interval = absl::Seconds(1));

 private:
  void Look();

  const Database* const database_;
  const std::function<void()> restart_;
  bool told_ = false;   // of the thread alone
  bool ended_ = false;  // nothing is left to do in this life of the daemon
  absl::Time not_before_ = absl::InfinitePast();
  std::unique_ptr<Repeater> repeater_;
};

}  // namespace mixmatch
