// Helpers of the tests of storage.
#include "storage_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <span>
#include <thread>
#include <utility>

namespace mixmatch::testing {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "mixmatch-storage-XXXXXX").string();
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

OpenLog::OpenLog(const std::string& path) {
  auto opened = Database::Open(path, {});
  EXPECT_TRUE(opened.ok()) << opened.status();
  database = *std::move(opened);
  auto opened_log = EventLog::Open(database.get());
  EXPECT_TRUE(opened_log.ok()) << opened_log.status();
  log = *std::move(opened_log);
}

void Bind(const OpenLog& open, EpisodeTable& table) {
  Binder binder(*table.LoadBinder());
  std::vector<LogEntry> entries;
  EXPECT_TRUE(open.log->ScanEntries(table.next_seq(), 100, entries).ok());
  BindingDelta delta;
  for (const LogEntry& entry : entries) binder.Add(entry, delta);
  EXPECT_TRUE(table.Apply(delta, binder.state(), open.log->last_seq() + 1).ok());
}

absl::Time At(double seconds) { return absl::FromUnixSeconds(1700000000) + absl::Seconds(seconds); }

Percept TextPercept(const std::string& text, const std::string& modality) {
  return {.modality = modality, .payload = TextPayload{.text = text}};
}

Percept VectorPercept(std::vector<float> values, const std::string& modality) {
  return {.modality = modality, .payload = VectorPayload{.values = std::move(values)}};
}

Percept ImagePercept(const std::string& bytes) {
  return {.modality = "image", .payload = ImagePayload{.data = bytes, .media_type = "image/png"}};
}

Features FeaturesFor(const Percept& percept) {
  Features features;
  features.kind = KindOf(percept.payload);
  features.content = HashPercept(percept);
  if (features.kind == PayloadKind::kVector || features.kind == PayloadKind::kSeries) {
    const std::vector<float> values = features.kind == PayloadKind::kVector
                                          ? std::get<VectorPayload>(percept.payload).values
                                          : std::get<SeriesPayload>(percept.payload).values;
    features.shape = {static_cast<uint32_t>(values.size())};
    features.SetValues<float>(values);
  } else if (features.kind == PayloadKind::kText) {
    const std::vector<uint32_t> values = {1, 7};
    features.shape = {2};
    features.SetValues<uint32_t>(values);
  } else {
    features.shape = {1, 4, 4};
    features.bytes = std::string(16, 'p');
  }
  return features;
}

PendingEvent MakePending(const std::string& source, const std::string& event_id, double seconds,
                         std::vector<Percept> percepts) {
  PendingEvent pending;
  pending.event.source = source;
  pending.event.event_id = event_id;
  pending.event.time = At(seconds);
  for (const Percept& percept : percepts) pending.features.push_back(FeaturesFor(percept));
  pending.event.percepts = std::move(percepts);
  return pending;
}

AppendResult AppendOne(EventLog& log, PendingEvent pending, double now_seconds) {
  std::vector<PendingEvent> events;
  events.push_back(std::move(pending));
  auto results = log.Append(std::move(events), At(now_seconds));
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? results->front() : AppendResult{};
}

RawDatabase::RawDatabase(const std::string& path) {
  std::vector<std::string> names;
  EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names)
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  const rocksdb::Status status = rocksdb::DB::Open({}, path, descriptors, &handles_, &db_);
  EXPECT_TRUE(status.ok()) << status.ToString();
}

RawDatabase::~RawDatabase() {
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    EXPECT_TRUE(db_->DestroyColumnFamilyHandle(handle).ok());
  }
  delete db_;
}

rocksdb::ColumnFamilyHandle* RawDatabase::handle(const std::string& family) const {
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    if (handle->GetName() == family) return handle;
  }
  ADD_FAILURE() << "no family " << family;
  return handles_.front();
}

std::string RawDatabase::Get(const std::string& family, const std::string& key) const {
  std::string value;
  const rocksdb::Status status = db_->Get({}, handle(family), key, &value);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return value;
}

void RawDatabase::Put(const std::string& family, const std::string& key, const std::string& value) {
  EXPECT_TRUE(db_->Put({}, handle(family), key, value).ok());
}

void RawDatabase::Delete(const std::string& family, const std::string& key) {
  EXPECT_TRUE(db_->Delete({}, handle(family), key).ok());
}

void RawDatabase::Flip(const std::string& family, const std::string& key, int byte) {
  std::string value = Get(family, key);
  const size_t place =
      byte >= 0 ? static_cast<size_t>(byte) : value.size() - static_cast<size_t>(-byte);
  ASSERT_LT(place, value.size());
  value[place] = static_cast<char>(value[place] ^ 0x10);
  Put(family, key, value);
}

std::vector<std::string> RawDatabase::Keys(const std::string& family,
                                           const std::string& prefix) const {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, handle(family)));
  std::vector<std::string> keys;
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    keys.push_back(it->key().ToString());
  }
  return keys;
}

void FlipByteOf(const std::filesystem::path& file, std::streamoff at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(at);
  const char byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(at);
  stream.put(byte);
}

std::filesystem::path DamageTable(Database& database, Family family) {
  const Database::Impl& db = database.impl();
  EXPECT_TRUE(db.db().Flush(rocksdb::FlushOptions(), db.handle(family)).ok());
  rocksdb::ColumnFamilyMetaData files;
  db.db().GetColumnFamilyMetaData(db.handle(family), &files);
  std::filesystem::path path;
  for (const rocksdb::LevelMetaData& level : files.levels) {
    for (const rocksdb::SstFileMetaData& table : level.files) path = db.path() + table.name;
  }
  EXPECT_FALSE(path.empty()) << "no table of " << FamilyName(family);
  FlipByteOf(path, 10);
  return path;
}

void CompactDamaged(Database& database, Family family) {
  const Database::Impl& db = database.impl();
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const rocksdb::Status done = db.db().CompactRange(options, db.handle(family), nullptr, nullptr);
  EXPECT_TRUE(done.IsCorruption()) << done.ToString();
}

void RemoveLogFiles(const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".log") std::filesystem::remove(entry.path());
  }
}

std::vector<float> RandomUnitVectors(size_t n, size_t d, size_t centres, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> middle(centres * d);
  for (float& v : middle) v = normal(random);
  std::vector<float> vectors(n * d);
  for (size_t i = 0; i < n; ++i) {
    const std::span<float> row(vectors.data() + i * d, d);
    const size_t centre = centres == 0 ? 0 : random() % centres;
    double norm = 0;
    for (size_t j = 0; j < d; ++j) {
      row[j] = centres == 0 ? normal(random) : middle[centre * d + j] + 0.5f * normal(random);
      norm += static_cast<double>(row[j]) * row[j];
    }
    for (float& v : row) v = static_cast<float>(v / std::sqrt(norm));
  }
  return vectors;
}

bool WaitUntil(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace mixmatch::testing
