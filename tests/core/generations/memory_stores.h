// What generations need of storage, kept in memory: the plainest thing that meets the interfaces,
// with faults that a test switches on.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/generations/embedding_space.h"
#include "core/generations/generation_store.h"
#include "core/generations/percept_source.h"
#include "core/learning/training_source.h"

namespace mixmatch {

class FixedClock final : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
};

class MemoryGenerationStore final : public GenerationStore {
 public:
  absl::StatusOr<std::vector<GenerationRecord>> ListRecords() const override {
    std::vector<GenerationRecord> all;
    for (const auto& [number, record] : records) all.push_back(record);
    return all;
  }
  absl::Status PutRecords(std::span<const GenerationRecord> changed) override {
    if (fail_records) return absl::ResourceExhaustedError("disk full");
    for (const GenerationRecord& record : changed) records[record.number] = record;
    return absl::OkStatus();
  }
  absl::Status PutWeights(std::string_view name, std::string_view bytes) override {
    weights[std::string(name)] = std::string(bytes);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> GetWeights(std::string_view name) const override {
    const auto found = weights.find(std::string(name));
    if (found == weights.end()) return absl::NotFoundError("no such weights");
    return found->second;
  }
  absl::Status DeleteWeights(std::string_view name) override {
    weights.erase(std::string(name));
    return absl::OkStatus();
  }

  std::map<Generation, GenerationRecord> records;
  std::map<std::string, std::string> weights;
  bool fail_records = false;
};

class MemorySpace final : public EmbeddingSpace {
 public:
  MemorySpace(Generation generation, int dimension)
      : generation_(generation), dimension_(dimension) {}

  Generation generation() const override { return generation_; }
  int dimension() const override { return dimension_; }
  uint64_t count() const override { return items.size(); }
  SpaceCursor cursor() const override { return cursor_; }
  absl::Status Append(std::span<const EmbeddedItem> added, std::span<const float> vectors,
                      SpaceCursor next, bool background) override {
    if (!background) ++in_front;
    flushed = !background;
    for (size_t i = 0; i < added.size(); ++i) {
      const auto* begin = vectors.data() + i * static_cast<size_t>(dimension_);
      items[added[i].item] = {added[i].partition, {begin, begin + dimension_}};
    }
    cursor_ = next;
    return absl::OkStatus();
  }
  absl::Status Flush() override {
    flushed = true;
    return absl::OkStatus();
  }
  absl::Status Read(ModalityId /*partition*/, ItemId item, std::span<float> out) const override {
    const auto found = items.find(item);
    if (found == items.end()) return absl::NotFoundError("not embedded");
    std::copy(found->second.second.begin(), found->second.second.end(), out.begin());
    return absl::OkStatus();
  }
  absl::Status ReadFound(const Neighbour& found, std::span<float> out) const override {
    return Read(found.partition, found.item, out);
  }
  absl::StatusOr<SearchResult> Search(std::span<const ModalityId> partitions,
                                      std::span<const float> query, size_t k,
                                      const std::vector<Seq>* allowed,
                                      size_t /*equal_max*/) const override {
    SearchResult result;
    for (const auto& [item, entry] : items) {
      if (std::find(partitions.begin(), partitions.end(), entry.first) == partitions.end())
        continue;
      if (allowed != nullptr && !std::binary_search(allowed->begin(), allowed->end(), item.seq())) {
        continue;
      }
      float similarity = 0;
      for (size_t d = 0; d < query.size(); ++d) similarity += query[d] * entry.second[d];
      result.neighbours.push_back(
          {.item = item, .partition = entry.first, .similarity = similarity});
    }
    std::stable_sort(
        result.neighbours.begin(), result.neighbours.end(),
        [](const Neighbour& a, const Neighbour& b) { return a.similarity > b.similarity; });
    result.neighbours.resize(std::min(k, result.neighbours.size()));
    result.plan = "exact";
    return result;
  }

  std::map<ItemId, std::pair<ModalityId, std::vector<float>>> items;
  size_t in_front = 0;   // appends that were not in the background
  bool flushed = false;  // since the last append

 private:
  const Generation generation_;
  const int dimension_;
  SpaceCursor cursor_;
};

class MemorySpaces final : public EmbeddingSpaces {
 public:
  absl::StatusOr<std::shared_ptr<EmbeddingSpace>> Create(Generation generation,
                                                         int dimension) override {
    auto space = std::make_shared<MemorySpace>(generation, dimension);
    if (!spaces.emplace(generation, space).second) return absl::AlreadyExistsError("space exists");
    return space;
  }
  absl::StatusOr<std::shared_ptr<EmbeddingSpace>> Open(Generation generation) override {
    if (damaged == generation) return absl::DataLossError("an embedding fails its checksum");
    const auto found = spaces.find(generation);
    if (found == spaces.end()) return absl::NotFoundError("no such space");
    return found->second;
  }
  absl::Status Drop(Generation generation) override {
    spaces.erase(generation);
    if (damaged == generation) damaged.reset();
    return absl::OkStatus();
  }

  std::map<Generation, std::shared_ptr<MemorySpace>> spaces;
  std::optional<Generation> damaged;
};

// A log of events with one vector percept each, and episodes over them.
class MemoryLog final : public PerceptSource, public TrainingSource {
 public:
  static constexpr uint32_t kDimension = 8;

  void AddEvent() {
    const Seq seq = percepts.size() + 1;
    StoredPercept percept;
    percept.item = ItemId::ForPercept(seq, 0);
    percept.modality_id = 1;
    percept.modality = {.name = "pose", .kind = PayloadKind::kVector, .dimension = kDimension};
    percept.features.kind = PayloadKind::kVector;
    percept.features.content = {seq, 0};
    percept.features.shape = {kDimension};
    std::vector<float> values(kDimension);
    for (uint32_t d = 0; d < kDimension; ++d) {
      values[d] = static_cast<float>((seq * 31 + Seq{d} * 17) % 23) - 11.0F;
    }
    percept.features.SetValues<float>(values);
    percepts.push_back(percept);
  }
  void CloseEpisode(Seq first, Seq last, bool probe = false) {
    closed.push_back({.id = first, .probe = probe});
    members[first] = {first, last};
  }

  Seq last_seq() const override { return percepts.size(); }
  absl::Status ScanPercepts(Seq first, size_t percepts_max, std::vector<StoredPercept>& out,
                            Seq& next) const override {
    next = first;
    while (next <= percepts.size() && out.size() < percepts_max)
      out.push_back(percepts[next++ - 1]);
    return absl::OkStatus();
  }
  uint64_t closed_count() const override { return closed.size(); }
  absl::Status ListClosed(uint64_t first, uint64_t limit,
                          std::vector<ClosedEpisode>& out) const override {
    for (uint64_t i = first; i < closed.size() && i - first < limit; ++i) out.push_back(closed[i]);
    return absl::OkStatus();
  }
  absl::Status Load(std::span<const EpisodeId> ids,
                    std::vector<TrainingEpisode>& out) const override {
    for (const EpisodeId id : ids) {
      if (id == damaged) return absl::DataLossError("features fail their checksum");
      TrainingEpisode episode{.id = id, .percepts = {}};
      const auto [first, last] = members.at(id);
      for (Seq seq = first; seq <= last; ++seq) {
        const StoredPercept& percept = percepts[seq - 1];
        episode.percepts.push_back({.modality = percept.modality,
                                    .features = percept.features,
                                    .time = absl::FromUnixSeconds(static_cast<int64_t>(seq)),
                                    .seq = seq,
                                    .index = percept.item.percept_index(),
                                    .modality_id = percept.modality_id});
      }
      out.push_back(std::move(episode));
    }
    return absl::OkStatus();
  }

  std::vector<StoredPercept> percepts;
  std::vector<ClosedEpisode> closed;
  std::map<EpisodeId, std::pair<Seq, Seq>> members;
  EpisodeId damaged = 0;
};

}  // namespace mixmatch
