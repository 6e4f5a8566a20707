// A resumable state machine over the stored records: embedding → serving → kept → retired.
#include "core/generations/generations.h"

#include <algorithm>
#include <future>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

// Percepts of one chunk: short enough that a new event waits little behind one.
constexpr size_t kFollowChunk = 128;
// … and where so many wait that it does not matter: more at once cost less.
constexpr size_t kFollowChunkBehind = 512;
constexpr size_t kPublishChunk = 512;

std::string EncoderName(Generation number) {
  return absl::StrCat("generation/", number, "/encoder");
}
std::string LearnerName(Generation number) {
  return absl::StrCat("generation/", number, "/learner");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Generations>> Generations::Open(
    const ModelConfig& model, GenerationStore* store, EmbeddingSpaces* spaces,
    const PerceptSource* percepts, const TrainingSource* episodes, const Clock* clock) {
  std::unique_ptr<Generations> generations(
      new Generations(store, spaces, percepts, episodes, clock));
  MM_RETURN_IF_ERROR(generations->Load(model));
  return generations;
}

absl::Status Generations::Load(const ModelConfig& model) {
  MM_ASSIGN_OR_RETURN(const std::vector<GenerationRecord> records, store_->ListRecords());
  if (records.empty()) return MakeFirst(model);
  // Side by side: loading takes most of a start.
  std::map<Generation, std::future<absl::StatusOr<std::shared_ptr<Space>>>> opening;
  for (const GenerationRecord& record : records) {
    if (record.state == GenerationState::kServing || record.state == GenerationState::kKept ||
        record.state == GenerationState::kEmbedding) {
      opening[record.number] =
          std::async(std::launch::async, [this, &record] { return OpenSpace(record); });
    }
  }
  std::map<Generation, std::shared_ptr<Space>> spaces;
  for (auto& [number, space] : opening) {
    MM_ASSIGN_OR_RETURN(spaces[number], space.get());
  }
  const absl::MutexLock lock(&mu_);
  for (const GenerationRecord& record : records) {
    records_[record.number] = record;
    if (record.state == GenerationState::kServing) {
      serving_ = spaces[record.number];
    } else if (record.state == GenerationState::kKept) {
      kept_ = spaces[record.number];
    } else if (record.state == GenerationState::kEmbedding) {
      next_ = spaces[record.number];
      progress_ = PublishProgress{
          .done = next_->embeddings->count(), .start = clock_->Now(), .record = record};
    }
  }
  if (serving_ == nullptr) {
    return absl::DataLossError(
        "generations not opened: no stored record says which one serves; restore a snapshot");
  }
  if (progress_) progress_->total = serving_->embeddings->count();
  return absl::OkStatus();
}

absl::Status Generations::MakeFirst(const ModelConfig& model) {
  MM_ASSIGN_OR_RETURN(const auto encoder, Encoder::Create(model));
  const GenerationRecord record{.number = 0,
                                .state = GenerationState::kServing,
                                .create_time = clock_->Now(),
                                .trigger = "start",
                                .reason = "the seeded, untrained encoder"};
  MM_RETURN_IF_ERROR(store_->PutWeights(EncoderName(0), encoder->Serialize()));
  MM_RETURN_IF_ERROR(store_->PutRecords({&record, 1}));
  MM_ASSIGN_OR_RETURN(auto space, OpenSpace(record));
  const absl::MutexLock lock(&mu_);
  records_[0] = record;
  serving_ = std::move(space);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Space>> Generations::OpenSpace(const GenerationRecord& record) {
  auto space = std::make_shared<Space>();
  space->number = record.number;
  space->learned = record.learned;
  space->taken = record.taken;
  space->partner_distances = record.partner_distances;
  MM_ASSIGN_OR_RETURN(const std::string weights, store_->GetWeights(EncoderName(record.number)));
  MM_ASSIGN_OR_RETURN(space->encoder, Encoder::Deserialize(weights));
  auto embeddings = spaces_->Open(record.number);
  if (embeddings.ok() && filler_.IsAhead(**embeddings)) {
    embeddings = absl::DataLossError("it holds episodes that are bound anew");
  }
  if (absl::IsDataLoss(embeddings.status())) {
    space->dropped = embeddings.status();
    MM_RETURN_IF_ERROR(spaces_->Drop(record.number));
  }
  if (absl::IsDataLoss(embeddings.status()) || absl::IsNotFound(embeddings.status())) {
    embeddings = spaces_->Create(record.number, space->encoder->config().embedding);
  }
  MM_RETURN_IF_ERROR(embeddings.status());
  space->embeddings = *std::move(embeddings);
  return space;
}

std::shared_ptr<const Space> Generations::serving() const {
  const absl::MutexLock lock(&mu_);
  return serving_;
}

std::shared_ptr<const Space> Generations::Find(Generation number) const {
  const absl::MutexLock lock(&mu_);
  if (serving_->number == number) return serving_;
  return kept_ != nullptr && kept_->number == number ? kept_ : nullptr;
}

absl::StatusOr<bool> Generations::Follow() {
  const absl::MutexLock fill_lock(&fill_mu_);
  std::shared_ptr<Space> serving;
  std::shared_ptr<Space> kept;
  {
    const absl::MutexLock lock(&mu_);
    serving = serving_;
    kept = kept_;
  }
  bool left = false;
  absl::Status failed;
  for (const auto& space : {serving, kept}) {
    if (space == nullptr || filler_.UpToDate(*space->embeddings)) continue;
    // Not behind other writes, not even for the kept one: recallable events wait for this thread.
    const size_t chunk = filler_.Behind(*space->embeddings) > 2 * kFollowChunkBehind
                             ? kFollowChunkBehind
                             : kFollowChunk;
    // What one of them cannot take in does not hold up the other.
    failed.Update(
        filler_.Fill(*space->encoder, *space->embeddings, chunk, /*background=*/false).status());
    left = left || !filler_.UpToDate(*space->embeddings);
  }
  MM_RETURN_IF_ERROR(failed);
  return left;
}

absl::Status Generations::EmbedAgain(std::span<const EpisodeId> episodes) {
  const absl::MutexLock fill_lock(&fill_mu_);
  std::vector<std::shared_ptr<Space>> spaces;
  {
    const absl::MutexLock lock(&mu_);
    spaces = {serving_, kept_, next_};
  }
  for (const std::shared_ptr<Space>& space : spaces) {
    if (space == nullptr) continue;
    MM_RETURN_IF_ERROR(filler_.FillAgain(*space->encoder, *space->embeddings, episodes));
  }
  return absl::OkStatus();
}

Generation Generations::NextNumber() const {
  return records_.empty() ? 0 : records_.rbegin()->first + 1;
}

absl::StatusOr<GenerationRecord> Generations::Refuse(const Candidate& candidate,
                                                     const Verdict& verdict) {
  GenerationRecord record{.state = GenerationState::kRefused,
                          .create_time = clock_->Now(),
                          .trigger = candidate.trigger,
                          .reason = verdict.reason,
                          .steps = candidate.steps,
                          .taken = candidate.taken,
                          .learned = candidate.learned,
                          .scores = verdict.scores,
                          .periods = verdict.periods};
  {
    const absl::MutexLock lock(&mu_);
    record.number = NextNumber();
  }
  MM_RETURN_IF_ERROR(store_->PutRecords({&record, 1}));
  const absl::MutexLock lock(&mu_);
  records_[record.number] = record;
  return record;
}

absl::Status Generations::Begin(const Candidate& candidate, const Verdict& verdict) {
  GenerationRecord record{.state = GenerationState::kEmbedding,
                          .create_time = clock_->Now(),
                          .trigger = candidate.trigger,
                          .reason = verdict.reason,
                          .steps = candidate.steps,
                          .taken = candidate.taken,
                          .learned = candidate.learned,
                          .scores = verdict.scores,
                          .partner_distances = verdict.partner_distances};
  {
    const absl::MutexLock lock(&mu_);
    if (next_ != nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("publish refused: generation ", next_->number,
                       " is being published; wait until it serves"));
    }
    record.number = NextNumber();
  }
  const std::string weights = candidate.encoder->Serialize();
  record.weights_hash = StableHash64(weights, 0);
  record.periods = verdict.periods;
  // Weights before the record: a record is only there when what it names is.
  MM_RETURN_IF_ERROR(store_->PutWeights(EncoderName(record.number), weights));
  MM_RETURN_IF_ERROR(store_->PutWeights(LearnerName(record.number), candidate.learner_checkpoint));
  // A space under that number can only be left over from a crash before its record was written.
  MM_RETURN_IF_ERROR(spaces_->Drop(record.number));
  MM_RETURN_IF_ERROR(store_->PutRecords({&record, 1}));
  MM_ASSIGN_OR_RETURN(auto space, OpenSpace(record));
  const absl::MutexLock lock(&mu_);
  records_[record.number] = record;
  next_ = std::move(space);
  progress_ = PublishProgress{
      .total = serving_->embeddings->count(), .start = record.create_time, .record = record};
  return absl::OkStatus();
}

absl::StatusOr<std::optional<GenerationRecord>> Generations::Advance() {
  std::shared_ptr<Space> next;
  {
    const absl::MutexLock lock(&mu_);
    next = next_;
  }
  if (next == nullptr) {
    return absl::FailedPreconditionError("no publish to advance: begin one first");
  }
  MM_ASSIGN_OR_RETURN(const size_t made, filler_.Fill(*next->encoder, *next->embeddings,
                                                      kPublishChunk, /*background=*/true));
  {
    const absl::MutexLock lock(&mu_);
    progress_->done = next->embeddings->count();
    progress_->total = std::max(progress_->total, serving_->embeddings->count());
  }
  if (made > 0 || !filler_.UpToDate(*next->embeddings)) return std::nullopt;
  // Before it serves, and before the other one waits for the swap.
  MM_RETURN_IF_ERROR(next->embeddings->Flush());
  if (before_swap_) before_swap_(next);
  return Swap(std::move(next));
}

absl::StatusOr<std::optional<GenerationRecord>> Generations::Swap(std::shared_ptr<Space> next) {
  // While this is held the serving space takes in nothing, so neither falls behind the other.
  const absl::MutexLock fill_lock(&fill_mu_);
  {
    const absl::MutexLock lock(&mu_);
    progress_->phase = PublishProgress::Phase::kSwapping;
    const SpaceCursor serving = serving_->embeddings->cursor();
    const SpaceCursor candidate = next->embeddings->cursor();
    if (candidate.next_seq < serving.next_seq || candidate.next_closed < serving.next_closed) {
      return std::nullopt;  // events came in between; the next chunk takes them in
    }
  }
  std::vector<GenerationRecord> changed;
  std::shared_ptr<Space> retired;
  {
    const absl::MutexLock lock(&mu_);
    GenerationRecord record = records_[next->number];
    record.state = GenerationState::kServing;
    record.publish_time = clock_->Now() - record.create_time;
    record.embedded = next->embeddings->count();
    changed.push_back(record);
    changed.push_back(records_[serving_->number]);
    changed.back().state = GenerationState::kKept;
    if (kept_ != nullptr) {
      changed.push_back(records_[kept_->number]);
      changed.back().state = GenerationState::kRetired;
    }
  }
  MM_RETURN_IF_ERROR(store_->PutRecords(changed));
  {
    const absl::MutexLock lock(&mu_);
    for (const GenerationRecord& record : changed) records_[record.number] = record;
    retired = std::exchange(kept_, std::exchange(serving_, std::move(next)));
    next_ = nullptr;
    progress_.reset();
  }
  if (retired != nullptr) {
    MM_RETURN_IF_ERROR(spaces_->Drop(retired->number));
    MM_RETURN_IF_ERROR(store_->DeleteWeights(EncoderName(retired->number)));
    MM_RETURN_IF_ERROR(store_->DeleteWeights(LearnerName(retired->number)));
  }
  return changed.front();
}

std::optional<PublishProgress> Generations::progress() const {
  const absl::MutexLock lock(&mu_);
  return progress_;
}

absl::StatusOr<std::string> Generations::Rollback() {
  const absl::MutexLock fill_lock(&fill_mu_);
  std::vector<GenerationRecord> changed;
  {
    const absl::MutexLock lock(&mu_);
    if (kept_ == nullptr) {
      return absl::FailedPreconditionError(
          "roll-back refused: no earlier generation is kept; publish one first");
    }
    if (next_ != nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("roll-back refused: generation ", next_->number,
                       " is being published; wait until it serves"));
    }
    changed.push_back(records_[kept_->number]);
    changed.back().state = GenerationState::kServing;
    changed.push_back(records_[serving_->number]);
    changed.back().state = GenerationState::kKept;
  }
  const absl::StatusOr<std::string> checkpoint =
      store_->GetWeights(LearnerName(changed.front().number));
  if (!checkpoint.ok() && !absl::IsNotFound(checkpoint.status())) return checkpoint.status();
  MM_RETURN_IF_ERROR(store_->PutRecords(changed));
  const absl::MutexLock lock(&mu_);
  for (const GenerationRecord& record : changed) records_[record.number] = record;
  std::swap(serving_, kept_);
  return checkpoint.ok() ? *checkpoint : std::string();
}

std::vector<GenerationRecord> Generations::records() const {
  const absl::MutexLock lock(&mu_);
  std::vector<GenerationRecord> records;
  for (const auto& [number, record] : records_) records.push_back(record);
  std::reverse(records.begin(), records.end());
  return records;
}

uint64_t Generations::embedding_count(Generation number) const {
  const absl::MutexLock lock(&mu_);
  for (const auto& space : {serving_, kept_, next_}) {
    if (space != nullptr && space->number == number) return space->embeddings->count();
  }
  return 0;
}

}  // namespace mixmatch
