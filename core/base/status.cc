// The field travels as a payload of the status.
#include "core/base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace mixmatch {
namespace {

constexpr char kFieldUrl[] = "mixmatch.field";

absl::string_view View(std::string_view s) { return absl::string_view(s.data(), s.size()); }

}  // namespace

absl::Status FieldError(absl::StatusCode code, std::string_view field, std::string_view message) {
  absl::Status status(code, View(message));
  status.SetPayload(kFieldUrl, absl::Cord(View(field)));
  return status;
}

absl::Status InvalidField(std::string_view field, std::string_view message) {
  return FieldError(absl::StatusCode::kInvalidArgument, field, message);
}

std::string FieldOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kFieldUrl);
  return payload ? std::string(*payload) : std::string();
}

absl::Status PrefixField(const absl::Status& status, std::string_view prefix) {
  absl::Status prefixed = status;
  const std::string field = FieldOf(status);
  const std::string joined =
      field.empty() ? std::string(prefix) : absl::StrCat(View(prefix), ".", field);
  prefixed.SetPayload(kFieldUrl, absl::Cord(joined));
  return prefixed;
}

}  // namespace mixmatch
