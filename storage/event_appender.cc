// Identity, then modalities, then features; only what passes all three takes a sequence number.
#include "storage/event_appender.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/keys.h"
#include "storage/many_values.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"
#include "storage/secondary_keys.h"

namespace mixmatch {
namespace {

AppendResult Rejected(absl::Status error) {
  return {.outcome = AppendOutcome::kRejected, .seq = 0, .error = std::move(error)};
}

// Whether the features are those of the event's percepts.
absl::Status CheckPending(const PendingEvent& pending) {
  if (pending.event.percepts.size() > kPerceptsPerEventMax) {
    return InvalidField("percepts", absl::StrCat("event refused: ", pending.event.percepts.size(),
                                                 " percepts; send at most ", kPerceptsPerEventMax));
  }
  if (pending.features.size() != pending.event.percepts.size()) {
    return InvalidField("percepts",
                        absl::StrCat("event refused: ", pending.features.size(), " features for ",
                                     pending.event.percepts.size(), " percepts; make one each"));
  }
  for (size_t i = 0; i < pending.features.size(); ++i) {
    absl::Status status = codec::CheckFeatures(pending.features[i]);
    if (status.ok() && pending.features[i].kind != KindOf(pending.event.percepts[i].payload)) {
      status = absl::InvalidArgumentError("they are of another payload kind");
    }
    if (!status.ok()) {
      return InvalidField(absl::StrCat("percepts[", i, "]"),
                          absl::StrCat("event refused: its features cannot be: ", status.message(),
                                       "; make them again"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EventAppender::LoadIdentities(const std::vector<PendingEvent>& events,
                                           bool forgotten) {
  if (forgotten) MM_RETURN_IF_ERROR(LoadForgotten(events));
  std::vector<std::string> names;
  names.reserve(events.size());
  for (const PendingEvent& pending : events) {
    names.push_back(keys::Identity(pending.event.source, pending.event.event_id));
  }
  const ManyValues values(database_, Family::kIdentity, std::move(names));
  for (size_t i = 0; i < values.count(); ++i) {
    if (values.IsMissing(i)) continue;
    storage::v1::IdentityRecord record;
    MM_RETURN_IF_ERROR(values.Read(i, record));
    identities_[values.name(i)] = {.seq = record.seq(),
                                   .hash = {.high = record.hash_high(), .low = record.hash_low()}};
  }
  return absl::OkStatus();
}

absl::Status EventAppender::LoadForgotten(const std::vector<PendingEvent>& events) {
  for (const PendingEvent& pending : events) {
    const std::string key = keys::ForgottenIdentity(pending.event.source, pending.event.event_id);
    storage::v1::IdentityRecord record;
    const absl::Status read = database_.Get(Family::kIdentity, key, record);
    if (absl::IsNotFound(read)) continue;
    MM_RETURN_IF_ERROR(read);
    forgotten_.insert(keys::Identity(pending.event.source, pending.event.event_id));
  }
  return absl::OkStatus();
}

AppendResult EventAppender::Add(PendingEvent pending) {
  const Event& event = pending.event;
  const std::string name = keys::Identity(event.source, event.event_id);
  const ContentHash hash = HashEvent(event);
  const auto known = identities_.find(name);
  if (known != identities_.end()) {
    if (known->second.hash == hash) {
      return {.outcome = AppendOutcome::kDuplicate, .seq = known->second.seq, .error = {}};
    }
    return Rejected(
        FieldError(absl::StatusCode::kAlreadyExists, "event_id",
                   absl::StrCat("event refused: '", event.event_id, "' of source '", event.source,
                                "' is stored with other content as sequence ", known->second.seq,
                                "; send it under a new event_id")));
  }
  if (forgotten_.contains(name)) {
    return Rejected(FieldError(
        absl::StatusCode::kFailedPrecondition, "event_id",
        absl::StrCat("event refused: '", event.event_id, "' of source '", event.source,
                     "' was forgotten on request; send it under a new event_id, if at all")));
  }
  absl::Status status = CheckPending(pending);
  if (!status.ok()) return Rejected(std::move(status));
  std::vector<ModalityId> ids;
  status = modalities_.Admit(event, ids);
  if (!status.ok()) return Rejected(std::move(status));

  const Seq seq = next_seq_++;
  identities_[name] = {.seq = seq, .hash = hash};
  storage::v1::IdentityRecord identity;
  identity.set_seq(seq);
  identity.set_hash_high(hash.high);
  identity.set_hash_low(hash.low);
  database_.Put(Family::kIdentity, name, identity, batch_);
  PutEvent(seq, pending, hash, ids);
  PutSecondaryKeys(seq, event, ids);
  ++stored_count_;
  return {.outcome = AppendOutcome::kStored, .seq = seq, .error = {}};
}

void EventAppender::PutEvent(Seq seq, PendingEvent& pending, const ContentHash& hash,
                             const std::vector<ModalityId>& ids) {
  const std::string key = keys::Number(seq);
  storage::v1::LogRecord entry;
  storage::v1::PayloadRecord payload;
  entry.set_ingest_time_ns(codec::ToNanos(ingest_time_));
  if (codec::EncodeEvent(pending.event, *entry.mutable_event(), payload)) {
    database_.Put(Family::kPayloads, key, payload, batch_);
  }
  Hang(seq, hash, entry, end_);
  database_.Put(Family::kLog, key, entry, batch_);
  for (size_t i = 0; i < ids.size(); ++i) {
    storage::v1::FeaturesRecord features;
    codec::EncodeFeatures(ids[i], std::move(pending.features[i]), features);
    database_.Put(Family::kFeatures, keys::FeaturesOf(seq, static_cast<uint32_t>(i)), features,
                  batch_);
  }
}

void EventAppender::PutSecondaryKeys(Seq seq, const Event& event,
                                     const std::vector<ModalityId>& ids) {
  const std::set<ModalityId> distinct(ids.begin(), ids.end());
  for (const auto& [family, key] : SecondaryKeysOf(seq, event, distinct)) {
    batch_.Put(database_.handle(family), key, "").PermitUncheckedError();
  }
}

}  // namespace mixmatch
