// A change is undone by what was kept of it: hard links in the plan's folder.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/fault/files/fault_files.h"

namespace mixmatch::fault {
namespace {

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Disk::Disk(FaultPlan plan, const Switches* switches)
    : plan_(std::move(plan)), switches_(switches), random_(plan_.seed) {}

void Disk::Pass(bool after, Operation operation, FileKind kind) {
  const absl::MutexLock lock(&mu_);
  if (switches_->cut) Cut();
  if (!after) ++counts_[{operation, kind}];
  if (plan_.cut && plan_.cut->after == after && plan_.cut->operation == operation &&
      plan_.cut->kind == kind && plan_.cut->occurrence == counts_[{operation, kind}]) {
    Cut();
  }
}

void Disk::Grown(const std::string& path, uint64_t size) {
  const absl::MutexLock lock(&mu_);
  files_[path].size = size;
}

void Disk::Synced(const std::string& path, uint64_t size) {
  if (plan_.lies) return;
  const absl::MutexLock lock(&mu_);
  files_[path].synced = size;
}

void Disk::Created(const std::string& path) {
  const absl::MutexLock lock(&mu_);
  files_[path] = {};
  changes_[FolderOf(path)].push_back({.made = path});
}

void Disk::Renaming(const std::string& from, const std::string& to) {
  const absl::MutexLock lock(&mu_);
  changes_[FolderOf(to)].push_back({.made = to, .moved = from, .kept = Keep(to), .removed = to});
  const auto state = files_.find(from);
  if (state == files_.end()) {
    files_.erase(to);
  } else {
    files_[to] = state->second;
    files_.erase(from);
  }
}

void Disk::Deleting(const std::string& path) {
  const absl::MutexLock lock(&mu_);
  changes_[FolderOf(path)].push_back({.kept = Keep(path), .removed = path});
  files_.erase(path);
}

void Disk::FolderSynced(const std::string& folder) {
  const absl::MutexLock lock(&mu_);
  const auto found = changes_.find(folder);
  if (found == changes_.end()) return;
  for (const Change& change : found->second) {
    if (!change.kept.empty()) unlink(change.kept.c_str());
  }
  changes_.erase(found);
}

std::string Disk::Keep(const std::string& path) {
  std::string kept = absl::StrCat(plan_.folder, "/kept-", getpid(), "-", kept_++);
  return link(path.c_str(), kept.c_str()) == 0 ? kept : std::string();
}

void Disk::TakeBack(const Change& change) {
  if (!change.made.empty() && change.moved.empty()) unlink(change.made.c_str());
  if (!change.moved.empty()) std::rename(change.made.c_str(), change.moved.c_str());
  if (!change.kept.empty()) std::rename(change.kept.c_str(), change.removed.c_str());
}

void Disk::Cut() {
  const auto draw = [this](uint64_t below) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return std::uniform_int_distribution<uint64_t>(0, below)(random_);
  };
  // A third of the cuts lose all that they may, a third nothing that could stay, the rest a part.
  const uint64_t mood = draw(2);
  const auto stays = [&draw, mood](uint64_t unsynced) {
    return mood == 0 ? 0 : mood == 1 ? unsynced : draw(unsynced);
  };
  uint64_t bytes = 0;
  for (const auto& [path, state] : files_) {
    if (state.size <= state.synced) continue;
    const uint64_t size = state.synced + stays(state.size - state.synced);
    bytes += state.size - size;
    if (truncate(path.c_str(), static_cast<off_t>(size)) != 0 && errno != ENOENT) {
      std::perror("power cut: not truncated");
    }
  }
  size_t undone = 0;
  for (const auto& [folder, changes] : changes_) {
    const size_t keep = stays(changes.size());
    for (size_t i = changes.size(); i > keep; --i, ++undone) TakeBack(changes[i - 1]);
  }
  std::fprintf(stderr, "power cut: %llu bytes and %zu changes of folders are gone\n",
               static_cast<unsigned long long>(bytes), undone);
  _exit(kCutStatus);
}

}  // namespace mixmatch::fault
