// Times as people and files write them.
//
// Takes RFC 3339 text or seconds; gives the API's timestamps and durations, to the manifest's
// readers and to the command line. It knows no time zone but the one written.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace mixmatch::client {

// "2024-05-01T12:00:00.5Z" or "2024-05-01T14:00:00+02:00". INVALID_ARGUMENT otherwise.
absl::StatusOr<google::protobuf::Timestamp> TimestampFromText(std::string_view text);

// Seconds since 1970-01-01T00:00:00Z, rounded to microseconds. INVALID_ARGUMENT outside the years 1
// to 9999.
absl::StatusOr<google::protobuf::Timestamp> TimestampFromSeconds(double seconds);

// Text or, when it is a number, seconds.
absl::StatusOr<google::protobuf::Timestamp> TimestampFromArgument(const std::string& text);

// Rounded to microseconds. INVALID_ARGUMENT below 0 or above 10,000 years.
absl::StatusOr<google::protobuf::Duration> DurationFromSeconds(double seconds);

}  // namespace mixmatch::client
