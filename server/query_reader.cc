// Percepts of requests are validated and sensed as those of events are.
#include "server/query_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/validate.h"
#include "core/media/sense.h"
#include "server/convert.h"
#include "server/current_call.h"
#include "server/ingest_pipeline.h"

namespace mixmatch {
namespace {

constexpr int kPerceptsMax = 16;
constexpr size_t kNewMax = 16;

// Text, sound and pictures under their own names may ask before any came. Of others the model would
// make a stem for each name that somebody thinks of, and keep it.
bool IsUsual(const ModalitySpec& modality) {
  return (modality.kind == PayloadKind::kText || modality.kind == PayloadKind::kAudio ||
          modality.kind == PayloadKind::kImage) &&
         modality.name == PayloadKindName(modality.kind);
}

}  // namespace

Mixture QueryPercepts::mixture() const {
  Mixture mixture;
  for (size_t i = 0; i < features.size(); ++i) mixture.push_back({&modalities[i], &features[i]});
  return mixture;
}

absl::StatusOr<QueryPercepts> QueryReader::Read(const v1::PerceptMixture& mixture,
                                                const std::string& field) const {
  return ReadAll(mixture, field, /*new_allowed=*/false);
}

absl::StatusOr<QueryPercepts> QueryReader::ReadExample(const v1::PerceptMixture& mixture,
                                                       const std::string& field) const {
  return ReadAll(mixture, field, /*new_allowed=*/true);
}

bool QueryReader::Admit(const ModalitySpec& modality) const {
  const absl::MutexLock lock(&mu_);
  if (std::find(new_.begin(), new_.end(), modality) != new_.end()) return true;
  if (new_.size() == kNewMax) return false;
  new_.push_back(modality);
  return true;
}

absl::StatusOr<QueryPercepts> QueryReader::ReadAll(const v1::PerceptMixture& mixture,
                                                   const std::string& field,
                                                   bool new_allowed) const {
  if (mixture.percepts().empty() || mixture.percepts_size() > kPerceptsMax) {
    return InvalidField(field, absl::StrCat("query refused: ", mixture.percepts_size(),
                                            " percepts; give 1 to ", kPerceptsMax));
  }
  QueryPercepts query;
  for (int i = 0; i < mixture.percepts_size(); ++i) {
    MM_RETURN_IF_ERROR(CurrentCall::Check());  // decoding may take long
    const std::string prefix = absl::StrCat(field, "[", i, "]");
    v1::Percept copy = mixture.percepts(i);
    Percept percept = FromProto(std::move(copy));
    const absl::Status valid = ValidatePercept(EventLimitsOf(config_), percept);
    if (!valid.ok()) return PrefixField(valid, prefix);
    absl::StatusOr<Features> sensed = Perceive(percept, SenseLimitsOf(config_));
    if (!sensed.ok()) return PrefixField(sensed.status(), prefix);
    query.modalities.push_back(SpecOf(percept));
    const auto registered = log_->FindModality(percept.modality);
    if (!registered.ok() && !IsUsual(query.modalities.back()) &&
        !(new_allowed && Admit(query.modalities.back()))) {
      return FieldError(absl::StatusCode::kNotFound, absl::StrCat(prefix, ".modality"),
                        absl::StrCat("query refused: no percept of modality '", percept.modality,
                                     "' was ever stored; the status lists the modalities"));
    }
    if (registered.ok() && registered->spec != query.modalities.back()) {
      return InvalidField(absl::StrCat(prefix, ".modality"),
                          absl::StrCat("query refused: modality '", percept.modality,
                                       "' was registered with another payload kind or shape; the "
                                       "status lists the modalities"));
    }
    query.features.push_back(*std::move(sensed));
    query.percepts.push_back(std::move(percept));
  }
  return query;
}

absl::StatusOr<QueryPercepts> QueryReader::ReadEvent(Seq seq) const {
  MM_ASSIGN_OR_RETURN(std::vector<StoredPercept> percepts, log_->EventPercepts(seq));
  QueryPercepts query;
  for (StoredPercept& percept : percepts) {
    query.modalities.push_back(std::move(percept.modality));
    query.features.push_back(std::move(percept.features));
  }
  return query;
}

absl::StatusOr<Seq> QueryReader::FindEvent(const v1::EventKey& key) const {
  if (key.event_id().empty()) {
    return InvalidField("event.event_id", "event not looked up: empty id; give one");
  }
  return log_->Find(key.source(), key.event_id());
}

}  // namespace mixmatch
