// POSIX calls where the order on the disk matters, std::filesystem elsewhere.
#include "storage/snapshot_files.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = 1 << 20;

absl::Status FileError(int error, std::string_view what, const std::string& path) {
  const std::string text = absl::StrCat(std::string(what), ": ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat(text, "; free disk space and try again"));
  }
  return absl::InternalError(absl::StrCat(text, "; check the data directory"));
}

absl::Status FileError(const std::error_code& error, std::string_view what,
                       const std::string& path) {
  return FileError(error.value(), what, path);
}

absl::Status SyncPath(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return FileError(errno, "not opened", path);
  const int synced = fsync(file);
  const int error = errno;
  close(file);
  return synced == 0 ? absl::OkStatus() : FileError(error, "not synced", path);
}

bool NeverChanges(const std::string& name) {
  return absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".blob");
}

bool IsLog(const std::string& name) { return absl::EndsWith(name, ".log"); }

// `linked` says by name what becomes a link where it can; the rest is copied and handed to `sync`.
absl::Status MakeDatabase(const std::string& from, const std::string& to,
                          const std::function<bool(const std::string&)>& linked,
                          const std::function<absl::Status(const std::string&)>& sync) {
  MM_RETURN_IF_ERROR(RemoveAll(to));
  MM_ASSIGN_OR_RETURN(const std::vector<FileFact> files, ListDatabaseFiles(from));
  std::error_code error;
  fs::create_directories(to, error);
  if (error) return FileError(error, "folder not made", to);
  for (const FileFact& file : files) {
    const std::string source = absl::StrCat(from, "/", file.name);
    const std::string copy = absl::StrCat(to, "/", file.name);
    if (linked(file.name) && link(source.c_str(), copy.c_str()) == 0) continue;
    fs::copy_file(source, copy, error);
    if (error) return FileError(error, "file not copied", source);
    MM_RETURN_IF_ERROR(sync(copy));
  }
  return sync(to);
}

}  // namespace

absl::StatusOr<std::vector<FileFact>> ListDatabaseFiles(const std::string& folder) {
  std::vector<FileFact> files;
  std::error_code error;
  auto entry = fs::directory_iterator(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name == "LOCK" || name == "LOG" || absl::StartsWith(name, "LOG.old")) continue;
    if (!entry->is_regular_file(error) || error) continue;
    files.push_back({.name = name, .bytes = entry->file_size(error)});
    if (error) break;
  }
  if (error) return FileError(error, "folder not read", folder);
  std::sort(files.begin(), files.end(),
            [](const FileFact& a, const FileFact& b) { return a.name < b.name; });
  return files;
}

absl::StatusOr<uint64_t> ChecksumFile(const std::string& path,
                                      const std::function<bool(uint64_t)>& read) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file == nullptr) return FileError(errno, "file not opened", path);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_64bits_reset(state.get());
  std::vector<char> buffer(kReadBytes);
  while (true) {
    const size_t bytes = std::fread(buffer.data(), 1, buffer.size(), file.get());
    XXH3_64bits_update(state.get(), buffer.data(), bytes);
    if (bytes > 0 && !read(bytes)) return absl::CancelledError("cancelled");
    if (bytes < buffer.size()) break;
  }
  if (std::ferror(file.get()) != 0) return FileError(EIO, "file not read", path);
  return XXH3_64bits_digest(state.get());
}

absl::Status CloneDatabase(const std::string& from, const std::string& to) {
  return MakeDatabase(from, to, NeverChanges, SyncFile);
}

absl::Status LinkDatabase(const std::string& from, const std::string& to) {
  const auto linked = [](const std::string& name) { return NeverChanges(name) || IsLog(name); };
  return MakeDatabase(from, to, linked, [](const std::string&) { return absl::OkStatus(); });
}

absl::Status UnlinkLogs(const std::string& folder) {
  MM_ASSIGN_OR_RETURN(const std::vector<FileFact> files, ListDatabaseFiles(folder));
  for (const FileFact& file : files) {
    const std::string log = absl::StrCat(folder, "/", file.name);
    std::error_code error;
    if (!IsLog(file.name) || fs::hard_link_count(log, error) == 1) continue;
    fs::copy_file(log, log + ".own", error);
    if (error) return FileError(error, "file not copied", log);
    MM_RETURN_IF_ERROR(Rename(log + ".own", log));
  }
  return absl::OkStatus();
}

absl::Status ReplaceFile(const std::string& path, const std::string& content) {
  const std::string next = path + ".next";
  const int file = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return FileError(errno, "file not made", next);
  size_t written = 0;
  while (written < content.size()) {
    const ssize_t bytes = write(file, content.data() + written, content.size() - written);
    if (bytes < 0) {
      const int error = errno;
      close(file);
      return FileError(error, "file not written", next);
    }
    written += static_cast<size_t>(bytes);
  }
  const bool synced = fsync(file) == 0;
  const int error = errno;
  close(file);
  if (!synced) return FileError(error, "file not synced", next);
  MM_RETURN_IF_ERROR(Rename(next, path));
  return SyncFolder(fs::path(path).parent_path().string());
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file == nullptr) return FileError(errno, "file not opened", path);
  std::string content;
  std::vector<char> buffer(kReadBytes);
  for (size_t bytes = buffer.size(); bytes == buffer.size();) {
    bytes = std::fread(buffer.data(), 1, buffer.size(), file.get());
    content.append(buffer.data(), bytes);
  }
  if (std::ferror(file.get()) != 0) return FileError(EIO, "file not read", path);
  return content;
}

absl::Status SyncFile(const std::string& path) { return SyncPath(path, O_RDONLY); }

absl::Status SyncFolder(const std::string& folder) {
  return SyncPath(folder, O_RDONLY | O_DIRECTORY);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return FileError(errno, "not renamed", from);
  return absl::OkStatus();
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return error ? FileError(error, "not removed", path) : absl::OkStatus();
}

}  // namespace mixmatch
