// Ground first, then what is derived from it, then the files. Every step may be done again.
#include "storage/forgetting.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/skills/skill.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/database_impl.h"
#include "storage/event_reader.h"
#include "storage/file_rewriting.h"
#include "storage/generation_table.h"
#include "storage/index/space_store.h"
#include "storage/keys.h"
#include "storage/log_mark.h"
#include "storage/modality_registry.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"
#include "storage/secondary_keys.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

using storage::v1::ForgetRecord;

constexpr size_t kBatchEvents = 256;
// The learner's checkpoint, and those that lie with the generations, as the server names them.
constexpr char kLearnerWeights[] = "learner";
std::string LearnerOf(Generation number) { return absl::StrCat("generation/", number, "/learner"); }

// The record of what is asked for; nullopt when nothing is.
absl::StatusOr<std::optional<ForgetRecord>> ReadAsked(const Database::Impl& db) {
  ForgetRecord asked;
  const absl::Status status = db.Get(Family::kMeta, keys::kForget, asked);
  if (absl::IsNotFound(status)) return std::nullopt;
  MM_RETURN_IF_ERROR(status);
  return asked;
}

absl::Status WriteAsked(const Database::Impl& db, const ForgetRecord& asked) {
  rocksdb::WriteBatch batch;
  db.Put(Family::kMeta, keys::kForget, asked, batch);
  return db.Write(batch, WriteMode::kSynced, "what is to be forgotten is not stored");
}

// The keys of lessons whose examples are among these events.
absl::StatusOr<std::vector<std::string>> LessonsOf(const Database::Impl& db,
                                                   const std::set<Seq>& events) {
  std::vector<std::string> lessons;
  const auto it = db.Iterate(Family::kTeachings);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = it->key().ToStringView();
    if (events.contains(keys::LastNumber(key))) lessons.emplace_back(key);
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "teachings not read"));
  return lessons;
}

// Episodes that have one of the events. DATA_LOSS: a trace could be left in what cannot be read.
absl::StatusOr<std::set<EpisodeId>> EpisodesOf(const Database::Impl& db,
                                               const std::set<Seq>& events) {
  std::set<EpisodeId> episodes;
  for (const Seq seq : events) {
    storage::v1::EpisodeOfRecord record;
    const absl::Status read = db.Get(Family::kEpisodeOf, keys::Number(seq), record);
    if (absl::IsNotFound(read)) continue;
    MM_RETURN_IF_ERROR(read);
    episodes.insert(record.episode_id());
  }
  return episodes;
}

class Forgetter {
 public:
  Forgetter(Database* database, const ForgetRecord& asked, const FsckProgress& progress)
      : db_(database->impl()),
        generations_(database),
        asked_(asked),
        progress_(progress),
        events_(asked.seqs().begin(), asked.seqs().end()),
        episodes_(asked.episodes().begin(), asked.episodes().end()) {}

  absl::StatusOr<ForgetCounts> Run() {
    MM_RETURN_IF_ERROR(registry_.Load(db_));
    MM_RETURN_IF_ERROR(ForgetEvents());
    MM_RETURN_IF_ERROR(ForgetLessons());
    MM_RETURN_IF_ERROR(ForgetInEpisodes());
    MM_RETURN_IF_ERROR(ForgetConceptMembers());
    MM_RETURN_IF_ERROR(ForgetEmbeddings());
    if (asked_.new_learner()) MM_RETURN_IF_ERROR(ForgetLearner());
    counts_.episodes = episodes_.size();
    return counts_;
  }

  absl::Status RewriteFiles() {
    MM_RETURN_IF_ERROR(FlushAll(db_));
    const auto rewrite = [this](rocksdb::ColumnFamilyHandle* family) {
      progress_(family->GetName(), 0);
      return RewriteFamily(db_, family, nullptr, nullptr, nullptr);
    };
    absl::Status rewritten;  // what is damaged does not keep the rest
    for (size_t i = 0; i < kFamilyCount; ++i) {
      const auto family = static_cast<Family>(i);
      if (family != Family::kWeights) rewritten.Update(rewrite(db_.handle(family)));
    }
    const std::map<std::string, FamilyHandle> named = db_.Named();
    for (const auto& [name, family] : named) rewritten.Update(rewrite(family.get()));
    return rewritten;
  }

  absl::Status ForgetEmbeddings() {
    const auto goes = [this](ItemId item) { return Goes(item); };
    for (const auto& [name, family] : db_.Named()) {
      progress_(name, 0);
      const SpaceStore store(&db_, name, family);
      const absl::StatusOr<size_t> dimension = store.ReadDimension();
      absl::Status cleaned = dimension.status();
      if (cleaned.ok()) cleaned = store.Remove(*dimension, goes).status();
      if (cleaned.ok()) cleaned = store.ReadDimension().status();  // gone where rows are damaged
      // Damaged, or never finished: whoever opens it makes it anew, and perhaps nobody does.
      if (absl::IsNotFound(cleaned) || absl::IsDataLoss(cleaned)) cleaned = db_.DropNamed(name);
      MM_RETURN_IF_ERROR(cleaned);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Flush(WriteMode mode) {
    MM_RETURN_IF_ERROR(db_.Write(batch_, mode, "not forgotten"));
    batch_.Clear();
    return absl::OkStatus();
  }

  absl::Status ForgetEvents() {
    storage::v1::CountersRecord counters;
    const absl::Status counted = db_.Get(Family::kMeta, keys::kCounters, counters);
    if (!counted.ok() && !absl::IsNotFound(counted)) return counted;
    for (auto seq = events_.begin(); seq != events_.end();) {
      for (size_t i = 0; i < kBatchEvents && seq != events_.end(); ++i, ++seq) {
        MM_ASSIGN_OR_RETURN(const bool forgotten, ForgetEvent(*seq));
        if (!forgotten) continue;  // by a run that was cut off
        counters.set_event_count(counters.event_count() -
                                 std::min<uint64_t>(1, counters.event_count()));
      }
      db_.Put(Family::kMeta, keys::kCounters, counters, batch_);
      progress_("log", counts_.events);
      MM_RETURN_IF_ERROR(Flush(WriteMode::kSynced));
    }
    // The mark holds a checksum of the last entry, which may have changed; it is made anew.
    return RemoveAll(MarkPath(db_));
  }

  // Puts the removal of an event into the batch. False when there is none of this number any more.
  absl::StatusOr<bool> ForgetEvent(Seq seq) {
    const std::string key = keys::Number(seq);
    storage::v1::LogRecord record;
    const absl::Status read = db_.Get(Family::kLog, key, record);
    // A damaged entry cannot be read to be forgotten; it is no reason to forget nothing else.
    if (absl::IsNotFound(read) || absl::IsDataLoss(read)) return false;
    MM_RETURN_IF_ERROR(read);
    if (!record.has_event()) return false;
    Event event;
    codec::DecodeHeader(record.event(), event).IgnoreError();
    const auto table = registry_.table();
    std::set<ModalityId> ids;
    for (const Percept& percept : event.percepts) {
      const auto known = table->by_name.find(percept.modality);
      if (known != table->by_name.end()) ids.insert(known->second.id);
    }
    for (const auto& [family, secondary] : SecondaryKeysOf(seq, event, ids)) {
      batch_.Delete(db_.handle(family), secondary).PermitUncheckedError();
    }
    batch_.Delete(db_.handle(Family::kPayloads), key).PermitUncheckedError();
    for (uint32_t i = 0; i < event.percepts.size(); ++i) {
      batch_.Delete(db_.handle(Family::kFeatures), keys::FeaturesOf(seq, i)).PermitUncheckedError();
    }
    batch_.Delete(db_.handle(Family::kIdentity), keys::Identity(event.source, event.event_id))
        .PermitUncheckedError();
    if (!asked_.again_allowed()) {
      storage::v1::IdentityRecord identity;
      identity.set_seq(seq);
      db_.Put(Family::kIdentity, keys::ForgottenIdentity(event.source, event.event_id), identity,
              batch_);
    }
    record.mutable_forgotten()->set_time_ns(asked_.time_ns());  // in place of the event
    db_.Put(Family::kLog, key, record, batch_);
    ++counts_.events;
    counts_.percepts += event.percepts.size();
    return true;
  }

  absl::Status ForgetLessons() {
    MM_ASSIGN_OR_RETURN(const std::vector<std::string> lessons, LessonsOf(db_, events_));
    for (const std::string& key : lessons) {
      batch_.Delete(db_.handle(Family::kTeachings), key).PermitUncheckedError();
    }
    counts_.lessons = lessons.size();
    return Flush(WriteMode::kSynced);
  }

  absl::Status ForgetInEpisodes() {
    for (const Seq seq : events_) {
      batch_.Delete(db_.handle(Family::kEpisodeOf), keys::Number(seq)).PermitUncheckedError();
    }
    for (const EpisodeId id : episodes_) {
      storage::v1::EpisodeRecord episode;
      const absl::Status read = db_.Get(Family::kEpisodes, keys::Number(id), episode);
      if (absl::IsNotFound(read) || absl::IsDataLoss(read)) continue;
      MM_RETURN_IF_ERROR(read);
      auto* const members = episode.mutable_members();
      members->erase(std::remove_if(members->begin(), members->end(),
                                    [this](const storage::v1::EpisodeMemberRecord& member) {
                                      return events_.contains(member.seq());
                                    }),
                     members->end());
      db_.Put(Family::kEpisodes, keys::Number(id), episode, batch_);
    }
    return Flush(WriteMode::kSynced);
  }

  bool Goes(ItemId item) const {
    return item.is_episode() ? episodes_.contains(item.seq()) : events_.contains(item.seq());
  }

  // Concepts keep their centres, which are means over many; members that go are named no longer.
  absl::Status ForgetConceptMembers() {
    const auto it = db_.Iterate(Family::kGraph);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const std::string_view key = it->key().ToStringView();
      storage::v1::ConceptsRecord record;
      if (!codec::Decode("graph", key, it->value().ToStringView(), record).ok()) continue;
      for (storage::v1::ConceptRecord& one : *record.mutable_concepts()) {
        std::string kept;
        for (size_t at = 0; at + sizeof(ItemId) <= one.members().size(); at += sizeof(ItemId)) {
          ItemId item;
          std::memcpy(&item, one.members().data() + at, sizeof(item));
          if (!Goes(item)) kept.append(one.members(), at, sizeof(item));
        }
        one.set_members(std::move(kept));
      }
      db_.Put(Family::kGraph, key, record, batch_);
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "concepts not read"));
    return Flush(WriteMode::kSynced);
  }

  // Its checkpoint, and every other one that it could go back to.
  absl::Status ForgetLearner() {
    MM_RETURN_IF_ERROR(generations_.DeleteWeights(kLearnerWeights));
    const auto it = db_.Iterate(Family::kGenerations);
    it->SeekToLast();
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "generations not read"));
    // Behind the last record there may be one whose writing was cut off after its weights.
    const Generation last = it->Valid() ? keys::LastNumber(it->key().ToStringView()) + 1 : 0;
    for (Generation number = 0; number <= last; ++number) {
      const std::string name = LearnerOf(number);
      storage::v1::ManifestRecord manifest;
      const absl::Status read = db_.Get(Family::kWeights, keys::WeightsManifest(name), manifest);
      if (absl::IsNotFound(read)) continue;  // most: of refused and retired generations
      if (!read.ok() && !absl::IsDataLoss(read)) return read;
      MM_RETURN_IF_ERROR(generations_.DeleteWeights(name));
    }
    return absl::OkStatus();
  }

  Database::Impl& db_;
  GenerationTable generations_;
  const ForgetRecord& asked_;
  const FsckProgress& progress_;
  const std::set<Seq> events_;
  const std::set<EpisodeId> episodes_;
  ModalityRegistry registry_;
  rocksdb::WriteBatch batch_;
  ForgetCounts counts_;
};

}  // namespace

absl::StatusOr<ForgetCounts> CountToForget(Database* database, std::span<const Seq> events) {
  const Database::Impl& db = database->impl();
  ForgetCounts counts;
  std::set<Seq> found;
  for (const Seq seq : events) {
    storage::v1::LogRecord record;
    const absl::Status read = db.Get(Family::kLog, keys::Number(seq), record);
    if (absl::IsNotFound(read)) continue;
    MM_RETURN_IF_ERROR(read);
    if (!record.has_event() || !found.insert(seq).second) continue;
    ++counts.events;
    counts.percepts += static_cast<uint64_t>(record.event().percepts_size());
  }
  MM_ASSIGN_OR_RETURN(const std::vector<std::string> lessons, LessonsOf(db, found));
  counts.lessons = lessons.size();
  MM_ASSIGN_OR_RETURN(const std::set<EpisodeId> episodes, EpisodesOf(db, found));
  counts.episodes = episodes.size();
  return counts;
}

absl::Status AskToForget(Database* database, std::span<const Seq> events,
                         const ForgetOptions& options, absl::Time now) {
  const Database::Impl& db = database->impl();
  MM_ASSIGN_OR_RETURN(std::optional<ForgetRecord> before, ReadAsked(db));
  ForgetRecord asked;
  if (before && before->done()) {
    // Of that request nothing is left to do but to embed its episodes anew.
    *asked.mutable_episodes() = before->episodes();
    before.reset();
  } else if (before) {
    asked = *before;
  }
  std::set<Seq> all(asked.seqs().begin(), asked.seqs().end());
  all.insert(events.begin(), events.end());
  MM_ASSIGN_OR_RETURN(std::set<EpisodeId> episodes, EpisodesOf(db, all));
  episodes.insert(asked.episodes().begin(), asked.episodes().end());
  asked.clear_seqs();
  asked.clear_episodes();
  asked.mutable_seqs()->Add(all.begin(), all.end());
  asked.mutable_episodes()->Add(episodes.begin(), episodes.end());
  // What one request forbids, another does not allow.
  asked.set_again_allowed(options.again_allowed && (!before || asked.again_allowed()));
  asked.set_new_learner(asked.new_learner() || options.new_learner);
  asked.set_time_ns(codec::ToNanos(now));
  return WriteAsked(db, asked);
}

absl::StatusOr<std::optional<ForgetCounts>> ForgetAsAsked(Database* database,
                                                          const FsckProgress& progress) {
  const Database::Impl& db = database->impl();
  MM_ASSIGN_OR_RETURN(std::optional<ForgetRecord> asked, ReadAsked(db));
  if (!asked) return std::nullopt;
  // An earlier build left `done` where more was asked for behind a request that was.
  if (asked->done() && asked->seqs().empty()) {
    // All but the episodes' new embeddings, of which some may be there.
    MM_RETURN_IF_ERROR(Forgetter(database, *asked, progress).ForgetEmbeddings());
    return ForgetCounts{};
  }
  // Events that were bound between the question and the restart.
  const std::set<Seq> events(asked->seqs().begin(), asked->seqs().end());
  MM_ASSIGN_OR_RETURN(std::set<EpisodeId> episodes, EpisodesOf(db, events));
  episodes.insert(asked->episodes().begin(), asked->episodes().end());
  asked->clear_episodes();
  asked->mutable_episodes()->Add(episodes.begin(), episodes.end());
  asked->set_done(false);
  MM_RETURN_IF_ERROR(WriteAsked(db, *asked));
  Forgetter forgetter(database, *asked, progress);
  MM_ASSIGN_OR_RETURN(const ForgetCounts counts, forgetter.Run());
  MM_RETURN_IF_ERROR(forgetter.RewriteFiles());
  asked->set_done(true);
  asked->clear_seqs();
  MM_RETURN_IF_ERROR(WriteAsked(db, *asked));
  return counts;
}

absl::StatusOr<std::vector<EpisodeId>> EpisodesToEmbed(Database* database) {
  const Database::Impl& db = database->impl();
  MM_ASSIGN_OR_RETURN(const std::optional<ForgetRecord> asked, ReadAsked(db));
  std::vector<EpisodeId> left;
  if (!asked) return left;
  for (const EpisodeId id : asked->episodes()) {
    storage::v1::EpisodeRecord episode;
    const absl::Status read = db.Get(Family::kEpisodes, keys::Number(id), episode);
    if (absl::IsNotFound(read) || absl::IsDataLoss(read)) continue;
    MM_RETURN_IF_ERROR(read);
    // Open ones are embedded when they close.
    if (episode.closed() && episode.members_size() > 0) left.push_back(id);
  }
  return left;
}

absl::Status EndForgetting(Database* database) {
  const Database::Impl& db = database->impl();
  rocksdb::WriteBatch batch;
  batch.Delete(db.handle(Family::kMeta), keys::kForget).PermitUncheckedError();
  return db.Write(batch, WriteMode::kSynced, "the end of forgetting is not stored");
}

}  // namespace mixmatch
