// Times from text and numbers.
#include "clients/manifest/times.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace mixmatch::client {
namespace {

constexpr char kRemedy[] = "; give RFC 3339 such as 2024-05-01T12:00:00Z, or seconds since 1970";
// 0001-01-01 and 9999-12-31 in seconds since 1970: what a Timestamp can hold.
constexpr double kSecondsMin = -62'135'596'800;
constexpr double kSecondsMax = 253'402'300'799;
constexpr double kDurationSecondsMax = 315'576'000'000;

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return timestamp;
}

}  // namespace

absl::StatusOr<google::protobuf::Timestamp> TimestampFromText(std::string_view text) {
  absl::Time time;
  std::string error;
  // Shorter than 20 characters is no full date and time, but may be one of Abseil's own words.
  if (text.size() < 20 || text.front() == 'i' || text.front() == '-' ||
      !absl::ParseTime(absl::RFC3339_full, absl::string_view(text.data(), text.size()), &time,
                       &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(text), "' is no time", kRemedy));
  }
  return ToTimestamp(time);
}

absl::StatusOr<google::protobuf::Timestamp> TimestampFromSeconds(double seconds) {
  if (!(seconds >= kSecondsMin && seconds <= kSecondsMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat(seconds, " s lies outside the years 1 to 9999", kRemedy));
  }
  return ToTimestamp(absl::FromUnixMicros(std::llround(seconds * 1e6)));
}

absl::StatusOr<google::protobuf::Timestamp> TimestampFromArgument(const std::string& text) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) return TimestampFromSeconds(seconds);
  return TimestampFromText(text);
}

absl::StatusOr<google::protobuf::Duration> DurationFromSeconds(double seconds) {
  if (!(seconds >= 0 && seconds <= kDurationSecondsMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat(seconds, " s is no duration; give seconds from 0 on"));
  }
  const int64_t micros = std::llround(seconds * 1e6);
  google::protobuf::Duration duration;
  duration.set_seconds(micros / 1'000'000);
  duration.set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
  return duration;
}

}  // namespace mixmatch::client
