// The state file.
#include "clients/cli/ingest_state.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mixmatch::cli {
namespace {

constexpr char kHeader[] = "mixmatch-ingest-state 1";
constexpr size_t kHashDigits = 16;

// "<hash> <sequence>"; false when it reads otherwise.
bool ParseEntry(const std::string& line, uint64_t* hash, uint64_t* sequence) {
  if (line.size() < kHashDigits + 2 || line[kHashDigits] != ' ') return false;
  return absl::SimpleHexAtoi(line.substr(0, kHashDigits), hash) &&
         absl::SimpleAtoi(line.substr(kHashDigits + 1), sequence) && *sequence > 0;
}

}  // namespace

uint64_t HashOfLine(std::string_view line) {
  // Multiply and fold, eight bytes' worth of mixing per byte: kept in files, so it never changes.
  uint64_t hash = 0x9E3779B97F4A7C15ULL ^ line.size();
  for (const char c : line) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0xD6E8FEB86659FD93ULL;
    hash ^= hash >> 32U;
  }
  return hash;
}

absl::StatusOr<IngestState> IngestState::Open(const std::string& path) {
  IngestState state;
  state.path_ = path;
  bool complete = false;  // the file ends with a whole line
  {
    std::ifstream file(path);
    std::string line;
    if (std::getline(file, line)) {
      if (line != kHeader) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": it is no state of an ingest; give another --state"));
      }
      complete = !file.eof();
      while (std::getline(file, line)) {
        uint64_t hash = 0;
        uint64_t sequence = 0;
        complete = !file.eof();
        // A number that was cut off may still read as a number.
        if (complete && ParseEntry(line, &hash, &sequence)) state.sequences_[hash] = sequence;
      }
    }
  }
  const bool fresh = state.sequences_.empty();
  state.file_.open(path, fresh ? std::ios::trunc : std::ios::app);
  if (fresh) {
    state.file_ << kHeader << '\n' << std::flush;
  } else if (!complete) {
    state.file_ << '\n' << std::flush;
  }
  if (!state.file_) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": it cannot be written; give --state FILE or --no-resume"));
  }
  return state;
}

uint64_t IngestState::SequenceOf(uint64_t line_hash) const {
  const auto found = sequences_.find(line_hash);
  return found == sequences_.end() ? 0 : found->second;
}

void IngestState::Record(uint64_t line_hash, uint64_t sequence) {
  sequences_[line_hash] = sequence;
  if (!file_.is_open()) return;
  file_ << absl::StrFormat("%016x %u\n", line_hash, sequence) << std::flush;
}

absl::Status IngestState::Clear() {
  sequences_.clear();
  if (!file_.is_open()) return absl::OkStatus();
  file_.close();
  file_.open(path_, std::ios::trunc);
  file_ << kHeader << '\n' << std::flush;
  if (!file_) return absl::PermissionDeniedError(absl::StrCat(path_, ": it cannot be written"));
  return absl::OkStatus();
}

}  // namespace mixmatch::cli
