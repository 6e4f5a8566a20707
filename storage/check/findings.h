// What a check of a data directory found.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/base/ids.h"

namespace mixmatch {

struct FsckFinding {
  std::string family;  // or "tables", "mark", "database": what is below values and beside them
  std::string key;     // hexadecimal; empty where it is not about one value
  Seq first_seq = 0;   // of the events or entries that it is about; 0: not known
  Seq last_seq = 0;
  bool ground = false;  // else derived: it can be made again
  std::string what;
};

struct FsckReport {
  uint64_t values = 0;  // looked at
  uint64_t events = 0;
  uint64_t ground_count = 0;  // of findings, all of them
  uint64_t derived_count = 0;
  std::vector<FsckFinding> findings;  // the first kFindingsMax

  static constexpr size_t kFindingsMax = 1000;

  bool whole() const { return ground_count + derived_count == 0; }
  void Add(FsckFinding finding) {
    ++(finding.ground ? ground_count : derived_count);
    if (findings.size() < kFindingsMax) findings.push_back(std::move(finding));
  }
};

// Called now and then: what is looked at, and how many of its values were.
using FsckProgress = std::function<void(std::string_view part, uint64_t done)>;

}  // namespace mixmatch
