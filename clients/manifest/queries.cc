// One query per line.
#include "clients/manifest/queries.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/manifest/percepts_internal.h"

namespace mixmatch::client {
namespace {

constexpr double kKMax = 1000;

// {"metadata": {...}} under `key`; absent is empty.
absl::Status FillConditions(const Fields& fields, std::string_view key, v1::Filter* filter) {
  if (!fields.Has(key)) return absl::OkStatus();
  const absl::StatusOr<Fields> object = Fields::Of(fields.At(key), fields.PathOf(key));
  if (!object.ok()) return object.status();
  absl::Status known = object->AllowOnly({"metadata"});
  if (!known.ok()) return known;
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> entries =
      object->TextMap("metadata");
  if (!entries.ok()) return entries.status();
  for (auto& [name, value] : *entries) {
    v1::MetadataCondition* const condition = filter->add_metadata();
    condition->set_key(std::move(name));
    condition->add_values(std::move(value));
  }
  return absl::OkStatus();
}

absl::Status FillK(const Fields& fields, EvalQuery* query) {
  const absl::StatusOr<double> k = fields.Number("k", 0);
  if (!k.ok()) return k.status();
  if (fields.Has("k") && (*k < 1 || *k > kKMax || *k != static_cast<uint32_t>(*k))) {
    return BadField("k", absl::StrCat("it is ", *k), "give a whole number from 1 to 1000");
  }
  query->k = static_cast<uint32_t>(*k);
  return absl::OkStatus();
}

absl::StatusOr<EvalQuery> QueryFromFields(const Fields& fields, const std::string& folder) {
  absl::Status known = fields.AllowOnly({"percepts", "want", "relevant", "k", "filter"});
  if (!known.ok()) return known;
  EvalQuery query;
  absl::StatusOr<std::string> want = fields.Text("want");
  if (!want.ok()) return want.status();
  if (want->empty()) return BadField("want", "no modality is named", "give the wanted modality");
  query.want = *std::move(want);
  absl::Status filled = FillK(fields, &query);
  if (!filled.ok()) return filled;
  filled = FillConditions(fields, "relevant", &query.relevant);
  if (!filled.ok()) return filled;
  if (query.relevant.metadata().empty()) {
    return BadField("relevant.metadata", "no condition",
                    "say what a right answer's metadata holds, such as {\"digit\":\"3\"}");
  }
  filled = FillConditions(fields, "filter", &query.filter);
  if (!filled.ok()) return filled;
  filled = AppendPercepts(fields, folder, query.percepts.mutable_percepts());
  if (!filled.ok()) return filled;
  return query;
}

}  // namespace

absl::StatusOr<EvalQuery> QueryFromLine(std::string_view line, const std::string& folder) {
  const absl::StatusOr<Json> json = ParseJson(line);
  if (!json.ok()) return json.status();
  const absl::StatusOr<Fields> fields = Fields::Of(*json, "");
  if (!fields.ok()) return fields.status();
  return QueryFromFields(*fields, folder);
}

}  // namespace mixmatch::client
