// Names, parsing, and a thread that looks for files.
#include "tests/fault/files/fault_plan.h"

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mixmatch::fault {
namespace {

constexpr std::array<std::string_view, 6> kOperations = {"append", "sync",   "create",
                                                         "rename", "delete", "syncdir"};
constexpr std::array<std::string_view, 7> kKinds = {"log",     "table",   "blob",  "manifest",
                                                    "current", "options", "folder"};

// The place of `name` among `names`, or their number.
template <typename Names>
size_t PlaceOf(const Names& names, std::string_view name) {
  size_t place = 0;
  while (place < names.size() && names[place] != name) ++place;
  return place;
}

absl::Status Unreadable(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("fault plan not understood: ", std::string(text),
                   "; it is folder=F;seed=N;cut=before|after:OPERATION:KIND:N;lies=1"));
}

}  // namespace

FileKind FileKindOf(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".log")) return FileKind::kLog;
  if (name.ends_with(".sst")) return FileKind::kTable;
  if (name.ends_with(".blob")) return FileKind::kBlob;
  if (name.starts_with("MANIFEST")) return FileKind::kManifest;
  // CURRENT is written under this name and then renamed.
  if (name.starts_with("CURRENT") || name.ends_with(".dbtmp")) return FileKind::kCurrent;
  return FileKind::kOptions;
}

absl::StatusOr<FaultPlan> ParseFaultPlan(std::string_view text) {
  FaultPlan plan;
  for (const std::string& entry :
       std::vector<std::string>(absl::StrSplit(std::string(text), ';', absl::SkipEmpty()))) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    const auto& [key, value] = pair;
    if (key == "folder") {
      plan.folder = value;
    } else if (key == "seed") {
      if (!absl::SimpleAtoi(value, &plan.seed)) return Unreadable(text);
    } else if (key == "lies") {
      plan.lies = value == "1";
    } else if (key == "cut") {
      const std::vector<std::string> parts = absl::StrSplit(value, ':');
      CutPoint cut;
      if (parts.size() != 4 || (parts[0] != "before" && parts[0] != "after") ||
          PlaceOf(kOperations, parts[1]) == kOperations.size() ||
          PlaceOf(kKinds, parts[2]) == kKinds.size() ||
          !absl::SimpleAtoi(parts[3], &cut.occurrence) || cut.occurrence == 0) {
        return Unreadable(text);
      }
      cut.after = parts[0] == "after";
      cut.operation = static_cast<Operation>(PlaceOf(kOperations, parts[1]));
      cut.kind = static_cast<FileKind>(PlaceOf(kKinds, parts[2]));
      plan.cut = cut;
    } else {
      return Unreadable(text);
    }
  }
  if (plan.folder.empty()) return Unreadable(text);
  return plan;
}

Switches::Switches(std::string folder) : folder_(std::move(folder)) {
  Look();
  thread_ = std::thread([this] {
    while (!ended_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      Look();
    }
  });
}

Switches::~Switches() {
  ended_ = true;
  thread_.join();
}

void Switches::Look() {
  const auto there = [this](const char* name) {
    struct stat ignored {};
    return stat((folder_ + "/" + name).c_str(), &ignored) == 0;
  };
  cut = there("cut");
  eio = there("eio");
  enospc = there("enospc");
  readonly = there("readonly");
  eio_read = there("eio-read");
  int64_t seconds = 0;
  std::ifstream(folder_ + "/clock") >> seconds;
  clock_offset_s = seconds;
}

}  // namespace mixmatch::fault
