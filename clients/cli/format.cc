// Short text for figures.
#include "clients/cli/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace mixmatch::cli {
namespace {

constexpr size_t kTextColumnsMax = 40;

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7F; }

}  // namespace

std::string CountText(uint64_t count) {
  const std::string digits = absl::StrCat(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string BytesText(uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string NumberText(double value, int digits) { return absl::StrFormat("%.*f", digits, value); }

std::string DurationText(absl::Duration duration) {
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(duration));
  if (seconds < 60) return NumberText(seconds, seconds < 9.95 ? 1 : 0) + " s";
  const int64_t whole = std::llround(std::min(seconds, 1e12));
  if (whole < 3600) return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

std::string KeyText(const v1::Event& event) {
  return absl::StrCat(event.source(), "/", event.event_id());
}

std::string MetadataText(const v1::Event& event) {
  const std::map<std::string, std::string> sorted(event.metadata().begin(), event.metadata().end());
  std::string text;
  for (const auto& [key, value] : sorted) {
    absl::StrAppend(&text, text.empty() ? "" : " ", key, "=", value);
  }
  return text;
}

std::string PayloadText(const v1::Percept& percept) {
  const auto media = [](const std::string& media_type, const char* kind) {
    return media_type.empty() ? std::string(kind) : media_type;
  };
  switch (percept.payload_case()) {
    case v1::Percept::kText:
      return absl::StrCat("\"", Printable(percept.text().text(), kTextColumnsMax), "\"");
    case v1::Percept::kAudio:
      return media(percept.audio().media_type(), "audio");
    case v1::Percept::kImage:
      return media(percept.image().media_type(), "image");
    case v1::Percept::kVideo:
      return media(percept.video().media_type(), "video");
    case v1::Percept::kSeries:
      return absl::StrCat("series of ", percept.series().channel_count(), " channels");
    case v1::Percept::kVector:
      return percept.vector().values().empty()
                 ? "vector"
                 : absl::StrCat("vector of ", percept.vector().values_size());
    case v1::Percept::PAYLOAD_NOT_SET:
      break;
  }
  return "";
}

size_t ColumnsOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), StartsCharacter));
}

std::string Printable(std::string_view text, size_t columns_max) {
  std::string result;
  const bool cut = ColumnsOf(text) > columns_max;
  const size_t keep = cut && columns_max > 0 ? columns_max - 1 : columns_max;
  size_t columns = 0;
  for (const char c : text) {
    if (StartsCharacter(c) && ++columns > keep) break;
    result.push_back(IsControl(c) ? ' ' : c);
  }
  if (cut) result += "…";
  return result;
}

}  // namespace mixmatch::cli
