// What the tests of storage share: a directory that goes away, events to store, and a way around
// our own code to the bytes on disk.
#pragma once

#include <rocksdb/db.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/database_impl.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch::testing {

// A fresh directory, removed at the end of its life.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A database with its event log; opens in the constructor, and fails the test when it cannot.
struct OpenLog {
  explicit OpenLog(const std::string& path);

  std::unique_ptr<Database> database;
  std::unique_ptr<EventLog> log;
};

// Binds what is not bound yet, at most 100 entries.
void Bind(const OpenLog& open, EpisodeTable& table);

// The instant `seconds` after a fixed one.
absl::Time At(double seconds);

// Percepts with features that fit them.
Percept TextPercept(const std::string& text, const std::string& modality = "text");
Percept VectorPercept(std::vector<float> values, const std::string& modality = "vector");
Percept ImagePercept(const std::string& bytes);
Features FeaturesFor(const Percept& percept);

// An event with those percepts, at At(seconds).
PendingEvent MakePending(const std::string& source, const std::string& event_id, double seconds,
                         std::vector<Percept> percepts);

// Appends one event and returns its result.
AppendResult AppendOne(EventLog& log, PendingEvent pending, double now_seconds = 1000);

// Opens the database in `path` without our code, with all its families, and closes it at the end.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path);
  ~RawDatabase();
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  std::string Get(const std::string& family, const std::string& key) const;
  void Put(const std::string& family, const std::string& key, const std::string& value);
  void Delete(const std::string& family, const std::string& key);
  // Flips one bit of a value's byte; from the end when negative.
  void Flip(const std::string& family, const std::string& key, int byte);
  // Keys of a family that begin with `prefix`.
  std::vector<std::string> Keys(const std::string& family, const std::string& prefix = "") const;

 private:
  rocksdb::ColumnFamilyHandle* handle(const std::string& family) const;

  rocksdb::DB* db_ = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

// Flips one bit of a file's byte.
void FlipByteOf(const std::filesystem::path& file, std::streamoff at);
// Writes what a family holds into tables and flips a bit in the first block of one, which it
// returns.
std::filesystem::path DamageTable(Database& database, Family family);
// Has RocksDB compact a family whose table is damaged, as it does by itself sooner or later.
void CompactDamaged(Database& database, Family family);
// Removes the write-ahead log of the database in `path`.
void RemoveLogFiles(const std::string& path);

// Unit vectors [n, d] around `centres` random points; 0 centres: everywhere.
std::vector<float> RandomUnitVectors(size_t n, size_t d, size_t centres, uint32_t seed);

// Waits until `condition` holds, at most a minute; returns whether it does.
bool WaitUntil(const std::function<bool()>& condition);

}  // namespace mixmatch::testing
