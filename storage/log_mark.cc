// The mark's checksum is that of the entry's bytes as stored.
#include "storage/log_mark.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

absl::StatusOr<uint64_t> EntryChecksum(const Database::Impl& db, Seq seq) {
  rocksdb::PinnableSlice value;
  MM_RETURN_IF_ERROR(FromRocks(db.db().Get({}, db.handle(Family::kLog), keys::Number(seq), &value),
                               "log not read"));
  return codec::Checksum(value.ToStringView());
}

}  // namespace

std::string MarkPath(const Database::Impl& db) { return db.path() + ".mark"; }

std::optional<Mark> MarkOf(const Database::Impl& db, Seq seq) {
  const absl::StatusOr<uint64_t> checksum = EntryChecksum(db, seq);
  if (!checksum.ok()) return std::nullopt;
  return Mark{.last_seq = seq, .entry_checksum = *checksum};
}

absl::Status CheckMark(const Database::Impl& db, Seq last_seq) {
  const std::optional<Mark> mark = ReadMark(MarkPath(db));
  if (!mark) return absl::OkStatus();
  const std::string advice = absl::StrCat("; restore a snapshot, or, if this is one, remove ",
                                          MarkPath(db), " and start again");
  if (mark->last_seq > last_seq) {
    return absl::DataLossError(absl::StrCat("log not opened: sequences ", last_seq + 1, " to ",
                                            mark->last_seq, " were stored and are gone", advice));
  }
  storage::v1::LogRecord record;
  const absl::Status read = db.Get(Family::kLog, keys::Number(mark->last_seq), record);
  if (absl::IsDataLoss(read)) return absl::OkStatus();  // one damaged value: reported when read
  const absl::StatusOr<uint64_t> checksum = EntryChecksum(db, mark->last_seq);
  if (!checksum.ok() || *checksum != mark->entry_checksum) {
    return absl::DataLossError(absl::StrCat("log not opened: sequence ", mark->last_seq,
                                            " is not what was stored there", advice));
  }
  return absl::OkStatus();
}

}  // namespace mixmatch
