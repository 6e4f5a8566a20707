// Percepts from JSON that is parsed already: for the readers of this folder.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "clients/manifest/json_fields_internal.h"
#include "mixmatch/v1/event.pb.h"

namespace mixmatch::client {

// `where` is the percept's path, such as "percepts[0]".
absl::StatusOr<v1::Percept> PerceptFromFields(const Json& value, const std::string& where,
                                              const std::string& folder);

// Appends a list of percepts, field `percepts` of `fields`, to `out`. At least one.
absl::Status AppendPercepts(const Fields& fields, const std::string& folder,
                            google::protobuf::RepeatedPtrField<v1::Percept>* out);

}  // namespace mixmatch::client
