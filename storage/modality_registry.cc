// Copy, change, write, publish.
#include "storage/modality_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

absl::string_view KindName(PayloadKind kind) {
  const std::string_view name = PayloadKindName(kind);
  return absl::string_view(name.data(), name.size());
}

// Whether a percept is what its modality was registered as.
absl::Status CheckSpec(size_t index, const ModalitySpec& known, const ModalitySpec& claimed) {
  if (known.kind != claimed.kind) {
    return InvalidField(absl::StrCat("percepts[", index, "].modality"),
                        absl::StrCat("percept refused: modality '", known.name,
                                     "' is registered as ", KindName(known.kind), " and this is ",
                                     KindName(claimed.kind), "; use another modality name"));
  }
  if (known.dimension != claimed.dimension) {
    const bool series = known.kind == PayloadKind::kSeries;
    return InvalidField(
        absl::StrCat("percepts[", index, "].", KindName(known.kind)),
        absl::StrCat("percept refused: modality '", known.name, "' has ", known.dimension,
                     series ? " channels" : " dimensions", " and this has ", claimed.dimension,
                     "; use another modality name"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ModalityTable::Admit(const Event& event, std::vector<ModalityId>& ids) {
  std::map<std::string, ModalitySpec, std::less<>> added;
  for (size_t i = 0; i < event.percepts.size(); ++i) {
    ModalitySpec spec = SpecOf(event.percepts[i]);
    const auto known = by_name.find(spec.name);
    if (known != by_name.end()) {
      MM_RETURN_IF_ERROR(CheckSpec(i, known->second.spec, spec));
      continue;
    }
    const auto [first, inserted] = added.try_emplace(spec.name, spec);
    if (!inserted) MM_RETURN_IF_ERROR(CheckSpec(i, first->second, spec));
    if (by_name.size() + added.size() > kModalitiesMax) {
      return FieldError(absl::StatusCode::kResourceExhausted,
                        absl::StrCat("percepts[", i, "].modality"),
                        absl::StrCat("percept refused: ", kModalitiesMax,
                                     " modalities are registered; use one of them"));
    }
  }
  for (auto& [name, spec] : added) {
    by_id[next_id] = spec;
    by_name[name] = RegisteredModality{.id = next_id, .spec = std::move(spec), .percept_count = 0};
    ++next_id;
  }
  ids.clear();
  for (const Percept& percept : event.percepts) {
    RegisteredModality& modality = by_name.find(percept.modality)->second;
    ++modality.percept_count;
    ids.push_back(modality.id);
  }
  return absl::OkStatus();
}

absl::Status ModalityRegistry::Load(const Database::Impl& database) {
  ModalityTable table;
  const auto it = database.Iterate(Family::kMeta);
  for (it->Seek(keys::kModalityPrefix); it->Valid() && it->key().starts_with(keys::kModalityPrefix);
       it->Next()) {
    storage::v1::ModalityRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("meta", key, it->value().ToStringView(), record));
    const ModalityId id = keys::ModalityOf(key);
    if (id == 0) return codec::Damaged("meta", key, "the key is no modality's");
    const ModalitySpec spec{.name = record.name(),
                            .kind = static_cast<PayloadKind>(record.kind()),
                            .dimension = record.dimension()};
    table.by_id[id] = spec;
    RegisteredModality& modality = table.by_name[spec.name];
    modality = {.id = id, .spec = spec, .percept_count = record.percept_count()};
    table.next_id = id + 1;
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "modalities not read"));
  Publish(std::move(table));
  return absl::OkStatus();
}

std::shared_ptr<const ModalityTable> ModalityRegistry::table() const {
  const absl::MutexLock lock(&mu_);
  return table_;
}

void ModalityRegistry::Publish(ModalityTable table) {
  auto next = std::make_shared<const ModalityTable>(std::move(table));
  const absl::MutexLock lock(&mu_);
  table_ = std::move(next);
}

void ModalityRegistry::PutChanges(const Database::Impl& database, const ModalityTable& changed,
                                  rocksdb::WriteBatch& batch) const {
  const std::shared_ptr<const ModalityTable> before = table();
  for (const auto& [name, modality] : changed.by_name) {
    const auto old = before->by_name.find(name);
    if (old != before->by_name.end() && old->second.percept_count == modality.percept_count) {
      continue;
    }
    storage::v1::ModalityRecord record;
    record.set_name(name);
    record.set_kind(static_cast<uint32_t>(modality.spec.kind));
    record.set_dimension(modality.spec.dimension);
    record.set_percept_count(modality.percept_count);
    database.Put(Family::kMeta, keys::Modality(modality.id), record, batch);
  }
}

}  // namespace mixmatch
