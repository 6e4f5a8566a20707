// Brings over what verifies of a damaged database into a new one, and says what was lost.
//
// Works on a copy, from below: a CURRENT that is damaged is made anew; a table or a blob file that
// cannot be read costs what is in it, the write-ahead log what is behind its damage where RocksDB
// cannot skip over that. An event comes
// over when its entry, its payloads and its identity agree; its features are made again where they
// are lost. The chain of the log is made anew around the gaps. Episodes, embeddings and the index
// are left out: the next start makes them again.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/senses/features.h"
#include "storage/check/findings.h"

namespace mixmatch {

using MakeFeatures = std::function<absl::StatusOr<Features>(const Percept&)>;

// `from`, `to`: as for Database::Open; `to` must not be there. The report counts what came over;
// its findings are what did not. NOT_FOUND, ALREADY_EXISTS, DATA_LOSS (nothing can be opened),
// INTERNAL.
absl::StatusOr<FsckReport> Salvage(const std::string& from, const std::string& to,
                                   const MakeFeatures& make_features, const FsckProgress& progress);

}  // namespace mixmatch
