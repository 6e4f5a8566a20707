// What the end of an ingest stream asks for.
//
// Takes the status that ended a stream too early; tells the Ingester whether another one helps.
#pragma once

#include "absl/status/status.h"

namespace mixmatch::client {

enum class Remedy {
  kReconnect,  // the connection or the daemon went away: open another stream
  kIsolate,    // something in the stream was to blame: find out what, one event at a time
  kGiveUp,     // no stream will do better
};

// `delay_named`: the daemon said when to come back.
Remedy RemedyFor(const absl::Status& status, bool delay_named);

}  // namespace mixmatch::client
