// Looks at a data directory's database from the disk's checksums up to what refers to what, and
// changes nothing.
//
// Ground state: every table against the checksum in the MANIFEST, every value against its own,
// every event against its payloads, its identity, its features, its secondary keys and the chain;
// the end of the log against the mark. Derived state: episodes against the log, weights and spaces
// against their manifests. Beside a daemon that runs it sees one moment: a copy that lies beside
// the database meanwhile, its tables as links.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "storage/check/findings.h"

namespace mixmatch {

// `path` as for Database::Open. NOT_FOUND when nothing is there; what keeps the database from
// opening is a finding. Beside a daemon also as StillCopy::Of.
absl::StatusOr<FsckReport> Fsck(const std::string& path, const FsckProgress& progress);

}  // namespace mixmatch
