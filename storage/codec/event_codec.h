// Log entries and payloads to and from their records.
//
// Writers check what they are given, readers what they find: a record that parses and still cannot
// be is damage.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/event.h"
#include "core/base/ids.h"
#include "core/episodes/binder.h"
#include "storage/records.pb.h"

namespace mixmatch::codec {

// Texts of at most this many bytes stay with the event's header.
inline constexpr size_t kHeaderTextBytesMax = 1024;

// Splits an event into header and payloads. Returns whether any payload lies apart; `payload` is
// to be stored only then.
bool EncodeEvent(const Event& event, storage::v1::EventRecord& header,
                 storage::v1::PayloadRecord& payload);

// The event without its payloads. Errors say in a few words what cannot be; the caller names the
// key.
absl::Status DecodeHeader(const storage::v1::EventRecord& header, Event& event);
// Whether DecodePayload is needed for the whole event.
bool HasPayloadApart(const storage::v1::EventRecord& header);
// Whether retention dropped any payload.
bool HasDropped(const storage::v1::EventRecord& header);
// Fills in the payloads.
absl::Status DecodePayload(const storage::v1::EventRecord& header,
                           const storage::v1::PayloadRecord& payload, Event& event);

// What binding needs of a log entry.
absl::Status DecodeLogEntry(Seq seq, const storage::v1::LogRecord& record, LogEntry& entry);

void EncodeBindingConfig(const BindingConfig& config, storage::v1::BindingConfigRecord& record);
BindingConfig DecodeBindingConfig(const storage::v1::BindingConfigRecord& record);

// Nanoseconds since 1970, rounded down; infinite times become the ends of the range.
int64_t ToNanos(absl::Time time);
inline absl::Time FromNanos(int64_t ns) { return absl::FromUnixNanos(ns); }

}  // namespace mixmatch::codec
