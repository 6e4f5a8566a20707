// Between the API's messages and core's types, for events and what became of them. Together with
// convert_admin.h and convert_learning.h the one place where either becomes the other.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/episodes/episode.h"
#include "mixmatch/v1/event.pb.h"
#include "mixmatch/v1/memory.pb.h"
#include "server/pending.h"
#include "server/watermarks.h"
#include "storage/event_log.h"

namespace mixmatch {

// Takes the payload bytes out of `event`. An absent time becomes InfinitePast, which validation
// refuses.
Event FromProto(v1::Event&& event);
Percept FromProto(v1::Percept&& percept);
// INVALID_ARGUMENT for a metadata condition without key or values.
absl::StatusOr<EventFilter> FromProto(const v1::Filter& filter);

v1::StoredEvent ToProto(const LoggedEvent& event, EpisodeId episode);
// Without its events.
v1::Episode ToProto(const Episode& episode);
v1::Watermarks ToProto(const WatermarkValues& values);
v1::Pending ToProto(const Pending& pending);
v1::EventError ToEventError(const absl::Status& status);

google::protobuf::Timestamp ToProto(absl::Time time);
google::protobuf::Duration ToProto(absl::Duration duration);
absl::Duration FromProto(const google::protobuf::Duration& duration);

// The one table from our errors to gRPC's: the codes have the same numbers and meanings. A field at
// fault and a retry delay are details, as google.rpc.Status has them (server/status_details.proto).
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace mixmatch
