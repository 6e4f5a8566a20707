// Checked access to JSON.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "clients/manifest/json_fields_internal.h"

namespace mixmatch::client {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

template <typename Number>
absl::StatusOr<std::vector<Number>> NumberList(const Json& value, const std::string& where) {
  if (!value.is_array()) return BadField(where, "it is " + KindOf(value), "give a list of numbers");
  std::vector<Number> numbers;
  numbers.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string entry = absl::StrCat(where, "[", i, "]");
    if (!value[i].is_number()) {
      return BadField(entry, "it is " + KindOf(value[i]), "give a number");
    }
    const double number = value[i].get<double>();
    if (!std::isfinite(number) || std::abs(number) > std::numeric_limits<Number>::max()) {
      return BadField(entry, absl::StrCat(number, " is out of range"), "give a finite number");
    }
    numbers.push_back(static_cast<Number>(number));
  }
  return numbers;
}

}  // namespace

absl::Status BadField(std::string_view where, std::string_view fact, std::string_view remedy) {
  return absl::InvalidArgumentError(
      absl::StrCat(View(where), ": ", View(fact), "; ", View(remedy)));
}

absl::StatusOr<Json> ParseJson(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const std::string what = error.what();
    const size_t reason = what.find(": ");
    return BadField("line", absl::StrCat("no valid JSON at byte ", error.byte),
                    reason == std::string::npos ? what : what.substr(reason + 2));
  } catch (const Json::exception& error) {
    return BadField("line", error.what(), "give a JSON object");
  }
}

bool IsUtf8(const std::string& text) {
  try {
    Json(text).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string KindOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "text";
    case Json::value_t::boolean:
      return "true or false";
    default:
      return "a number";
  }
}

absl::StatusOr<std::vector<float>> FloatList(const Json& value, const std::string& where) {
  return NumberList<float>(value, where);
}

absl::StatusOr<std::vector<double>> DoubleList(const Json& value, const std::string& where) {
  return NumberList<double>(value, where);
}

absl::StatusOr<Fields> Fields::Of(const Json& value, std::string where) {
  if (!value.is_object()) {
    return BadField(where.empty() ? "line" : where, "it is " + KindOf(value),
                    "give an object in braces");
  }
  return Fields(value, std::move(where));
}

std::string Fields::PathOf(std::string_view key) const {
  return where_.empty() ? std::string(key) : absl::StrCat(where_, ".", View(key));
}

absl::Status Fields::AllowOnly(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : object_->items()) {
    if (std::find(keys.begin(), keys.end(), std::string_view(key)) != keys.end()) continue;
    std::vector<std::string> known(keys.begin(), keys.end());
    return BadField(PathOf(key), "unknown key",
                    absl::StrCat("the keys here are ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

absl::Status Fields::Require(std::string_view key) const {
  if (Has(key)) return absl::OkStatus();
  return BadField(PathOf(key), "it is missing", "give it");
}

absl::StatusOr<std::string> Fields::Text(std::string_view key) const {
  if (!Has(key)) return std::string();
  const Json& value = At(key);
  if (!value.is_string()) {
    return BadField(PathOf(key), "it is " + KindOf(value), "give text in quotes");
  }
  return value.get<std::string>();
}

absl::StatusOr<double> Fields::Number(std::string_view key, double absent) const {
  if (!Has(key)) return absent;
  const Json& value = At(key);
  if (!value.is_number()) return BadField(PathOf(key), "it is " + KindOf(value), "give a number");
  const double number = value.get<double>();
  if (!std::isfinite(number)) return BadField(PathOf(key), "it is not finite", "give a number");
  return number;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Fields::TextMap(
    std::string_view key) const {
  std::vector<std::pair<std::string, std::string>> entries;
  if (!Has(key)) return entries;
  const Json& value = At(key);
  if (!value.is_object()) {
    return BadField(PathOf(key), "it is " + KindOf(value), "give an object in braces");
  }
  for (const auto& [name, entry] : value.items()) {
    if (!entry.is_string()) {
      return BadField(absl::StrCat(PathOf(key), ".", name), "it is " + KindOf(entry),
                      "give text in quotes");
    }
    entries.emplace_back(name, entry.get<std::string>());
  }
  return entries;
}

}  // namespace mixmatch::client
