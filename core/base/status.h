// Early return on errors, and errors that name the field at fault.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expr` from the enclosing function unless it is OK.
#define MM_RETURN_IF_ERROR(expr)        \
  do {                                  \
    ::absl::Status mm_status_ = (expr); \
    if (!mm_status_.ok()) [[unlikely]]  \
      return mm_status_;                \
  } while (false)

#define MM_STATUS_CONCAT_INNER_(a, b) a##b
#define MM_STATUS_CONCAT_(a, b) MM_STATUS_CONCAT_INNER_(a, b)

// Assigns the value of a StatusOr to `lhs`, or returns its status from the enclosing function.
#define MM_ASSIGN_OR_RETURN(lhs, expr) \
  MM_ASSIGN_OR_RETURN_IMPL_(MM_STATUS_CONCAT_(mm_statusor_, __LINE__), lhs, expr)
#define MM_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                              \
  if (!tmp.ok()) [[unlikely]]                     \
    return tmp.status();                          \
  lhs = std::move(tmp).value()

namespace mixmatch {

// An error about one field, given as a path such as "percepts[0].image.data".
absl::Status FieldError(absl::StatusCode code, std::string_view field, std::string_view message);

// Same, INVALID_ARGUMENT.
absl::Status InvalidField(std::string_view field, std::string_view message);

// The field that an error names; empty when it names none.
std::string FieldOf(const absl::Status& status);

// The same error with `prefix` put before the field that it names: "image.data" becomes
// "percepts[0].image.data".
absl::Status PrefixField(const absl::Status& status, std::string_view prefix);

}  // namespace mixmatch
