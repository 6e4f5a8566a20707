// Figures, times and labels as people read them.
//
// Takes values of the API; gives short text to the commands' tables and progress lines. It prints
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "mixmatch/v1/event.pb.h"

namespace mixmatch::cli {

// "1,234,567".
std::string CountText(uint64_t count);
// "512 B", "1.5 KiB", "3.2 GiB".
std::string BytesText(uint64_t bytes);
// With `digits` behind the point.
std::string NumberText(double value, int digits);
// "4.2 s", "3:07", "1:02:03"; "0 s" for what is negative.
std::string DurationText(absl::Duration duration);
// "2024-05-01 12:00:00.500Z"; "" for an unset one.
std::string TimeText(const google::protobuf::Timestamp& time);

absl::Duration ToDuration(const google::protobuf::Duration& duration);

// "SOURCE/EVENT_ID", the form that the command line takes.
std::string KeyText(const v1::Event& event);
// "a=1 b=2", keys sorted.
std::string MetadataText(const v1::Event& event);
// What a percept holds, in a few words: "\"three\"", "image/png", "vector of 16".
std::string PayloadText(const v1::Percept& percept);

// At most `columns_max` characters of `text`, with "…" where something is cut off, and every
// control character as a space, so that stored text cannot steer a terminal.
std::string Printable(std::string_view text, size_t columns_max);
// The characters of UTF-8 text: each takes one column here.
size_t ColumnsOf(std::string_view text);

}  // namespace mixmatch::cli
