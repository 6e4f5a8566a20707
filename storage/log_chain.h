// The chain through the log: every entry holds a hash over the entry before it and over itself, so
// that an entry which is gone, changed or put back from an older copy shows.
//
// An entry names the one that it hangs on: a write that failed may still come back with a restart,
// and what was written meanwhile does not hang on it.
#pragma once

#include <cstdint>

#include "core/base/hash.h"
#include "core/base/ids.h"
#include "storage/records.pb.h"

namespace mixmatch {

struct ChainEnd {
  Seq seq = 0;  // 0: nothing is before
  uint64_t link = 0;

  friend bool operator==(const ChainEnd&, const ChainEnd&) = default;
};

// The link of an entry behind `before`. `content`: HashEvent of an event, payloads and all; of
// other entries it is not looked at. The record's own link is not part of it.
uint64_t LinkOf(const ChainEnd& before, Seq seq, const storage::v1::LogRecord& record,
                const ContentHash& content);

// Hangs an entry on `end`, which becomes that entry.
void Hang(Seq seq, const ContentHash& content, storage::v1::LogRecord& record, ChainEnd& end);

}  // namespace mixmatch
