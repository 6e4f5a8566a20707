// Typed access to the fields of a JSON object, with errors that name the field by its path.
//
// Takes parsed JSON; gives checked values to the parsers of this folder. It knows no event.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mixmatch::client {

using Json = nlohmann::json;

// INVALID_ARGUMENT with "<where>: <fact>; <remedy>".
absl::Status BadField(std::string_view where, std::string_view fact, std::string_view remedy);

// INVALID_ARGUMENT, with the place and the parser's reason, when the text is no JSON.
absl::StatusOr<Json> ParseJson(std::string_view text);

bool IsUtf8(const std::string& text);

// What it is, in words: "a number", "a list".
std::string KindOf(const Json& value);

// The numbers of a list, each finite as a float. Errors name the entry.
absl::StatusOr<std::vector<float>> FloatList(const Json& value, const std::string& where);
absl::StatusOr<std::vector<double>> DoubleList(const Json& value, const std::string& where);

// One object. Lifetime: borrows the JSON value.
// Thread-safety: Immutable; safe to share.
class Fields {
 public:
  // `where` is the object's own path, empty for the line itself. INVALID_ARGUMENT unless an object.
  static absl::StatusOr<Fields> Of(const Json& value, std::string where);

  // INVALID_ARGUMENT when there is any other key; names it and lists the known ones.
  absl::Status AllowOnly(std::initializer_list<std::string_view> keys) const;

  bool Has(std::string_view key) const { return object_->contains(std::string(key)); }
  // The field must be there.
  const Json& At(std::string_view key) const { return (*object_)[std::string(key)]; }
  const std::string& where() const { return where_; }
  std::string PathOf(std::string_view key) const;

  // INVALID_ARGUMENT when it is absent.
  absl::Status Require(std::string_view key) const;
  // The text, or "" when it is absent.
  absl::StatusOr<std::string> Text(std::string_view key) const;
  // The finite number, or `absent`.
  absl::StatusOr<double> Number(std::string_view key, double absent) const;
  // The object's entries, all of which must be text; none when it is absent.
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> TextMap(
      std::string_view key) const;

 private:
  Fields(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {}

  const Json* object_;
  std::string where_;
};

}  // namespace mixmatch::client
