// Header first, payloads when they are asked for.
#include "storage/event_reader.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/keys.h"
#include "storage/rocks_status.h"

namespace mixmatch {

absl::StatusOr<LoggedEvent> EventReader::ReadEvent(Seq seq, const storage::v1::LogRecord& record,
                                                   Detail detail) const {
  LoggedEvent logged{
      .event = {}, .seq = seq, .ingest_time = codec::FromNanos(record.ingest_time_ns())};
  const std::string key = keys::Number(seq);
  absl::Status status = codec::DecodeHeader(record.event(), logged.event);
  const auto message = [&status] {
    return std::string_view(status.message().data(), status.message().size());
  };
  if (!status.ok()) return codec::Damaged("log", key, message());
  if (detail == Detail::kHeader || !codec::HasPayloadApart(record.event())) return logged;
  storage::v1::PayloadRecord payload;
  status = database_.Get(Family::kPayloads, key, payload);
  if (absl::IsNotFound(status)) return codec::Damaged("payloads", key, "it is missing");
  MM_RETURN_IF_ERROR(status);
  status = codec::DecodePayload(record.event(), payload, logged.event);
  if (!status.ok()) return codec::Damaged("payloads", key, message());
  return logged;
}

absl::StatusOr<StoredPercept> EventReader::ReadPercept(std::string_view key, std::string_view value,
                                                       const ModalityTable& table) const {
  storage::v1::FeaturesRecord record;
  MM_RETURN_IF_ERROR(codec::Decode("features", key, value, record));
  StoredPercept percept;
  const absl::Status status = codec::DecodeFeatures(record, percept.modality_id, percept.features);
  if (!status.ok()) {
    return codec::Damaged("features", key,
                          std::string_view(status.message().data(), status.message().size()));
  }
  const auto spec = table.by_id.find(percept.modality_id);
  if (spec == table.by_id.end()) {
    return codec::Damaged("features", key, absl::StrCat("unknown modality ", percept.modality_id));
  }
  percept.item = ItemId::ForPercept(keys::FeaturesSeq(key), keys::FeaturesIndex(key));
  percept.modality = spec->second;
  return percept;
}

absl::StatusOr<std::vector<LoggedEvent>> EventReader::ListAll(Seq after, size_t limit,
                                                              bool descending,
                                                              Detail detail) const {
  const auto it = database_.Iterate(Family::kLog);
  if (!descending) {
    it->Seek(keys::Number(after + 1));
  } else if (after == 0) {
    it->SeekToLast();
  } else {
    it->SeekForPrev(keys::Number(after - 1));
  }
  std::vector<LoggedEvent> events;
  for (; it->Valid() && events.size() < limit; descending ? it->Prev() : it->Next()) {
    storage::v1::LogRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("log", key, it->value().ToStringView(), record));
    if (!record.has_event()) continue;
    MM_ASSIGN_OR_RETURN(events.emplace_back(), ReadEvent(keys::LastNumber(key), record, detail));
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "log not read"));
  return events;
}

}  // namespace mixmatch
