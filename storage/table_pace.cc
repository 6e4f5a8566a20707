// Nobody is woken: a thread sleeps as long as it has to.
#include "storage/table_pace.h"

#include "absl/time/clock.h"

namespace mixmatch {

void TablePace::Request(int64_t bytes, rocksdb::Env::IOPriority, rocksdb::Statistics*) {
  ++requests_;
  bytes_ += bytes;
  absl::SleepFor(pacer_.Take(static_cast<uint64_t>(bytes)));
}

}  // namespace mixmatch
