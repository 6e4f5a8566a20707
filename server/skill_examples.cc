// A stored point where there is one; what is left is encoded, many at once.
#include "server/skill_examples.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr size_t kDictionaryPictures = 256;  // pictures or sounds, the log's first ones,
                                             // that patches are picked from
constexpr size_t kEncoded = 256;             // examples encoded at once
constexpr size_t kScanChunk = 1024;
constexpr size_t kScanMax = 100'000;  // percepts that are looked through for them
constexpr uint64_t kPatchSeed = 1;

// Keeps the percepts that the skill looks at.
void Restrict(const SkillSpec& spec, QueryPercepts& query) {
  size_t kept = 0;
  for (size_t i = 0; i < query.features.size(); ++i) {
    if (!spec.LooksAt(query.modalities[i].name)) continue;
    if (kept != i) {
      query.modalities[kept] = std::move(query.modalities[i]);
      query.features[kept] = std::move(query.features[i]);
    }
    ++kept;
  }
  query.modalities.resize(kept);
  query.features.resize(kept);
}

}  // namespace

bool SkillExamples::Looks(const SkillSpec& spec, const Event& event) {
  return std::any_of(event.percepts.begin(), event.percepts.end(),
                     [&](const Percept& percept) { return spec.LooksAt(percept.modality); });
}

std::shared_ptr<const FeatureMap> SkillExamples::FrontEnd(const SkillSpec& spec) {
  if (spec.modalities.size() != 1) return nullptr;
  const auto modality = log_->FindModality(spec.modalities[0]);
  if (!modality.ok()) return nullptr;
  const std::optional<PatchKind> kind = PatchKindOf(modality->spec.kind);
  if (!kind) return nullptr;
  const absl::MutexLock lock(&mu_);
  std::shared_ptr<const FeatureMap>& made = front_ends_[modality->id];
  if (made != nullptr) return made;
  // The first ones of the log: they stay the same, whenever this is asked.
  const size_t bytes = kDictionaryPictures * kind->size.area();
  std::vector<uint8_t> pictures;
  size_t seen = 0;
  for (Seq next = 1; pictures.size() < bytes && seen < kScanMax;) {
    std::vector<StoredPercept> percepts;
    const Seq first = next;
    if (!log_->ScanPercepts(first, kScanChunk, percepts, next).ok() || next == first) break;
    seen += percepts.size();
    for (const StoredPercept& percept : percepts) {
      if (percept.modality_id != modality->id) continue;
      const std::vector<uint8_t> picture = kind->picture(percept.features);
      pictures.insert(pictures.end(), picture.begin(), picture.end());
    }
  }
  if (pictures.size() < bytes) return nullptr;
  pictures.resize(bytes);
  auto patches = PatchFeatures::Make(pictures, kind->size, kPatchSeed, kind->settings);
  if (patches.ok()) made = MakePatchMap(modality->spec.kind, *std::move(patches));
  return made;
}

absl::StatusOr<bool> SkillExamples::ReadPoint(const SkillSpec& spec, ExampleId example,
                                              const Space& space, std::span<float> point) const {
  if ((example & kFreshExample) != 0) return false;
  MM_ASSIGN_OR_RETURN(const LoggedEvent event, log_->Get(example, Detail::kHeader));
  uint32_t index = 0;
  uint32_t count = 0;
  for (uint32_t i = 0; i < event.event.percepts.size(); ++i) {
    if (!spec.LooksAt(event.event.percepts[i].modality)) continue;
    index = i;
    ++count;
  }
  if (count != 1) return false;
  MM_ASSIGN_OR_RETURN(const RegisteredModality modality,
                      log_->FindModality(event.event.percepts[index].modality));
  return space.embeddings->Read(modality.id, ItemId::ForPercept(example, index), point).ok();
}

absl::StatusOr<QueryPercepts> SkillExamples::Percepts(const SkillSpec& spec,
                                                      ExampleId example) const {
  QueryPercepts query;
  if ((example & kFreshExample) != 0) {
    MM_ASSIGN_OR_RETURN(Teaching teaching, table_->Get(spec.id, example));
    for (FreshPercept& fresh : teaching.fresh) {
      query.modalities.push_back(SpecOf(fresh.percept));
      query.features.push_back(std::move(fresh.features));
    }
  } else {
    MM_ASSIGN_OR_RETURN(std::vector<StoredPercept> percepts, log_->EventPercepts(example));
    for (StoredPercept& percept : percepts) {
      query.modalities.push_back(std::move(percept.modality));
      query.features.push_back(std::move(percept.features));
    }
  }
  Restrict(spec, query);
  if (query.features.empty()) {
    return absl::NotFoundError(
        absl::StrCat("skill ", spec.name, ": an example has no percept that it looks at"));
  }
  return query;
}

absl::Status SkillExamples::Encode(const SkillSpec& spec, std::span<const ExampleId> examples,
                                   std::span<const size_t> places, const Encoder& encoder,
                                   std::span<float> points, std::vector<bool>& readable) const {
  const auto e = static_cast<size_t>(encoder.config().embedding);
  std::vector<float> encoded;
  for (size_t first = 0; first < places.size(); first += kEncoded) {
    std::vector<QueryPercepts> queries;
    std::vector<size_t> read;
    for (const size_t i : places.subspan(first, std::min(kEncoded, places.size() - first))) {
      auto query = Percepts(spec, examples[i]);
      if (!query.ok()) continue;
      queries.push_back(*std::move(query));
      read.push_back(i);
      readable[i] = true;
    }
    if (queries.empty()) continue;
    std::vector<Mixture> mixtures;
    for (const QueryPercepts& query : queries) mixtures.push_back(query.mixture());
    encoded.resize(mixtures.size() * e);
    MM_RETURN_IF_ERROR(encoder.Embed(mixtures, encoded));
    for (size_t i = 0; i < read.size(); ++i) {
      std::copy_n(encoded.begin() + static_cast<std::ptrdiff_t>(i * e), e,
                  points.begin() + static_cast<std::ptrdiff_t>(read[i] * e));
    }
  }
  return absl::OkStatus();
}

absl::Status SkillExamples::Rows(const SkillSpec& spec, std::span<const ExampleId> examples,
                                 const FeatureMap& map, const Space& space, std::span<float> out,
                                 std::vector<bool>& readable) const {
  const size_t d = map.dimension();
  readable.assign(examples.size(), false);
  if (map.kind() == FeatureMapKind::kFrontEnd) {
    for (size_t i = 0; i < examples.size(); ++i) {
      const auto query = Percepts(spec, examples[i]);
      if (!query.ok()) continue;
      const Mixture mixture = query->mixture();
      readable[i] = map.Map({.embedding = {}, .percepts = mixture}, out.subspan(i * d, d)).ok();
    }
    return absl::OkStatus();
  }
  const auto e = static_cast<size_t>(space.embeddings->dimension());
  std::vector<float> points(examples.size() * e);
  std::vector<size_t> left;  // not stored as points
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto read = ReadPoint(spec, examples[i], space, std::span(points).subspan(i * e, e));
    if (!read.ok()) continue;
    readable[i] = *read;
    if (!*read) left.push_back(i);
  }
  MM_RETURN_IF_ERROR(Encode(spec, examples, left, *space.encoder, points, readable));
  for (size_t i = 0; i < examples.size(); ++i) {
    if (!readable[i]) continue;
    MM_RETURN_IF_ERROR(map.Map({.embedding = std::span(points).subspan(i * e, e), .percepts = {}},
                               out.subspan(i * d, d)));
  }
  return absl::OkStatus();
}

absl::Status SkillExamples::Points(const SkillSpec& spec, std::span<const ExampleId> examples,
                                   const Encoder& encoder, std::span<float> out,
                                   std::vector<bool>& readable) const {
  readable.assign(examples.size(), false);
  std::vector<size_t> all(examples.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return Encode(spec, examples, all, encoder, out, readable);
}

absl::StatusOr<std::vector<float>> SkillExamples::RowOf(const SkillSpec& spec,
                                                        const QueryPercepts& query,
                                                        const FeatureMap& map, const Space& space,
                                                        const std::string& field) {
  QueryPercepts seen{.modalities = query.modalities, .features = query.features};
  Restrict(spec, seen);
  if (seen.features.empty()) {
    return InvalidField(field, absl::StrCat("skill ", spec.name,
                                            ": no percept that it looks at; give one of its "
                                            "modalities"));
  }
  std::vector<float> row(map.dimension());
  const Mixture mixture = seen.mixture();
  if (map.kind() == FeatureMapKind::kFrontEnd) {
    MM_RETURN_IF_ERROR(map.Map({.embedding = {}, .percepts = mixture}, row));
    return row;
  }
  std::vector<float> point(static_cast<size_t>(space.embeddings->dimension()));
  MM_RETURN_IF_ERROR(space.encoder->Embed({&mixture, 1}, point));
  MM_RETURN_IF_ERROR(map.Map({.embedding = point, .percepts = {}}, row));
  return row;
}

}  // namespace mixmatch
