// One record for each generation.
#include "storage/graph_table.h"

#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/database_impl.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

template <typename Number>
std::string BytesOf(std::span<const Number> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

template <typename Number>
std::vector<Number> NumbersOf(const std::string& bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Number));
  return numbers;
}

absl::StatusOr<StoredConcepts> Decode(std::string_view key, std::string_view value) {
  storage::v1::ConceptsRecord record;
  MM_RETURN_IF_ERROR(codec::Decode("graph", key, value, record));
  ConceptSet::Parts parts{.dimension = record.dimension(), .next_id = record.next_id()};
  const size_t bytes = parts.dimension * sizeof(float);
  for (const storage::v1::ConceptRecord& stored : record.concepts()) {
    if (stored.centre().size() != bytes) {
      return codec::Damaged("graph", key, "a centre of another size");
    }
    Concept& made = parts.concepts.emplace_back();
    made.id = stored.id();
    made.centre = NumbersOf<float>(stored.centre());
    made.floor = stored.floor();
    for (const uint64_t item : NumbersOf<uint64_t>(stored.members()))
      made.members.push_back({item});
  }
  for (const storage::v1::RedirectRecord& redirect : record.redirects()) {
    parts.redirects[redirect.from()] = redirect.to();
  }
  for (const storage::v1::ModalityMeanRecord& mean : record.means()) {
    if (mean.mean().size() != bytes) return codec::Damaged("graph", key, "a mean of another size");
    parts.means[mean.modality_id()] = NumbersOf<float>(mean.mean());
  }
  return StoredConcepts{.set = ConceptSet(std::move(parts)), .found_among = record.found_among()};
}

}  // namespace

absl::Status GraphTable::Put(Generation generation, const StoredConcepts& concepts,
                             Generation keep_from) {
  const ConceptSet::Parts& parts = concepts.set.parts();
  storage::v1::ConceptsRecord record;
  record.set_dimension(static_cast<uint32_t>(parts.dimension));
  record.set_next_id(parts.next_id);
  record.set_found_among(concepts.found_among);
  for (const Concept& known : parts.concepts) {
    storage::v1::ConceptRecord& added = *record.add_concepts();
    added.set_id(known.id);
    added.set_centre(BytesOf<float>(known.centre));
    added.set_floor(known.floor);
    std::vector<uint64_t> members;
    for (const ItemId item : known.members) members.push_back(item.value);
    added.set_members(BytesOf<uint64_t>(members));
  }
  for (const auto& [from, to] : parts.redirects) {
    storage::v1::RedirectRecord& added = *record.add_redirects();
    added.set_from(from);
    added.set_to(to);
  }
  for (const auto& [modality, mean] : parts.means) {
    storage::v1::ModalityMeanRecord& added = *record.add_means();
    added.set_modality_id(modality);
    added.set_mean(BytesOf<float>(mean));
  }
  const Database::Impl& db = database_->impl();
  rocksdb::WriteBatch batch;
  batch.DeleteRange(db.handle(Family::kGraph), keys::Number(0), keys::Number(keep_from))
      .PermitUncheckedError();
  db.Put(Family::kGraph, keys::Number(generation), record, batch);
  return db.Write(batch, WriteMode::kSynced, absl::StrCat("concepts not stored: ", generation));
}

absl::StatusOr<StoredConcepts> GraphTable::Get(Generation generation) const {
  const std::string key = keys::Number(generation);
  const auto it = database_->impl().Iterate(Family::kGraph);
  it->Seek(key);
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "concepts not read"));
  if (!it->Valid() || it->key() != rocksdb::Slice(key)) {
    return absl::NotFoundError(absl::StrCat("concepts not found: generation ", generation));
  }
  return Decode(key, it->value().ToStringView());
}

absl::StatusOr<StoredConcepts> GraphTable::Latest() const {
  const auto it = database_->impl().Iterate(Family::kGraph);
  it->SeekToLast();
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "concepts not read"));
  if (!it->Valid()) return absl::NotFoundError("concepts not found: none yet");
  return Decode(it->key().ToStringView(), it->value().ToStringView());
}

}  // namespace mixmatch
