// mixmatchctl snapshot: copies of the whole memory, made, checked, put back.
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/progress.h"
#include "clients/cli/restoring.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

struct NameOptions {
  std::string name;
};

int RunCreate(const Session& session, const NameOptions& options) {
  v1::CreateSnapshotRequest request;
  request.set_name(options.name);
  return session.Answer(
      "snapshot create",
      [&](const client::Client& client) {
        Progress progress(session.err(), session.progress_style(), "snapshot", "bytes");
        return client.CreateSnapshot(request, [&](const v1::CreateSnapshotResponse& response) {
          progress.Update(response.done_bytes(), response.total_bytes(), "");
          return true;
        });
      },
      [&](const v1::CreateSnapshotResponse& response) {
        const v1::Snapshot& made = response.snapshot();
        session.out() << "snapshot " << made.name() << ": " << CountText(made.event_count())
                      << " events, " << BytesText(made.bytes()) << '\n';
      });
}

int RunList(const Session& session) {
  return session.Answer(
      "snapshot list", [](const client::Client& client) { return client.ListSnapshots(); },
      [&](const v1::ListSnapshotsResponse& response) {
        Table table({{"name"},
                     {"made"},
                     {"events", Table::Align::kRight},
                     {"generation", Table::Align::kRight},
                     {"size", Table::Align::kRight},
                     {"version"}});
        for (const v1::Snapshot& one : response.snapshots()) {
          table.AddRow({one.name(), TimeText(one.create_time()), CountText(one.event_count()),
                        absl::StrCat(one.generation()), BytesText(one.bytes()), one.version()});
        }
        table.Print(session.out());
        if (!response.damaged().empty()) {
          session.out() << "not readable: " << absl::StrJoin(response.damaged(), ", ") << '\n';
        }
      });
}

int RunVerify(const Session& session, const NameOptions& options) {
  v1::VerifySnapshotRequest request;
  request.set_name(options.name);
  return session.Answer(
      "snapshot verify",
      [&](const client::Client& client) {
        Progress progress(session.err(), session.progress_style(), "verify", "bytes");
        return client.VerifySnapshot(request, [&](const v1::VerifySnapshotResponse& response) {
          progress.Update(response.done_bytes(), response.total_bytes(), "");
          return true;
        });
      },
      [&](const v1::VerifySnapshotResponse& response) {
        session.out() << "snapshot " << options.name
                      << " is whole: " << BytesText(response.total_bytes()) << " read\n";
      });
}

int RunDelete(const Session& session, const NameOptions& options) {
  v1::DeleteSnapshotRequest request;
  request.set_name(options.name);
  return session.Answer(
      "snapshot delete",
      [&](const client::Client& client) { return client.DeleteSnapshot(request); },
      [&](const v1::DeleteSnapshotResponse& /*response*/) {
        session.out() << "snapshot " << options.name << " is deleted\n";
      });
}

struct DownloadOptions {
  std::string name;
  std::string to;
};

// Writes parts to files below a folder that is not there yet.
class Receiver {
 public:
  explicit Receiver(std::string folder) : folder_(std::move(folder)) {}

  absl::Status Take(const v1::DownloadSnapshotResponse& part) {
    if (part.path() != "SNAPSHOT" &&
        (!absl::StartsWith(part.path(), "db/") || part.path().find('/', 3) != std::string::npos ||
         part.path().find("..") != std::string::npos)) {
      return absl::DataLossError(
          absl::StrCat("file '", part.path(), "': no file of a snapshot; is this a mixmatchd?"));
    }
    if (part.offset() == 0) {
      const std::filesystem::path path = std::filesystem::path(folder_) / part.path();
      std::error_code error;
      std::filesystem::create_directories(path.parent_path(), error);
      file_ = std::ofstream(path, std::ios::binary);
    }
    file_.write(part.data().data(), static_cast<std::streamsize>(part.data().size()));
    file_.flush();
    return file_ ? absl::OkStatus()
                 : absl::ResourceExhaustedError(absl::StrCat(
                       folder_, "/", part.path(), ": cannot be written; is there space?"));
  }

 private:
  const std::string folder_;
  std::ofstream file_;
};

int RunDownload(const Session& session, const DownloadOptions& options) {
  std::error_code error;
  if (std::filesystem::exists(options.to, error)) {
    return session.Misused(absl::AlreadyExistsError(
        absl::StrCat("--to ", options.to, ": it exists; give a folder that does not")));
  }
  v1::DownloadSnapshotRequest request;
  request.set_name(options.name);
  Receiver receiver(options.to);
  absl::Status written;
  return session.Answer(
      "snapshot download",
      [&](const client::Client& client) -> absl::StatusOr<v1::DownloadSnapshotResponse> {
        Progress progress(session.err(), session.progress_style(), "download", "bytes");
        auto last = client.DownloadSnapshot(request, [&](const v1::DownloadSnapshotResponse& part) {
          written = receiver.Take(part);
          progress.Update(part.done_bytes(), part.total_bytes(), "");
          return written.ok();
        });
        if (!written.ok()) return written;
        if (last.ok()) last->clear_data();
        return last;
      },
      [&](const v1::DownloadSnapshotResponse& last) {
        session.out() << "snapshot " << options.name << ": " << BytesText(last.done_bytes())
                      << " in " << options.to << '\n';
      });
}

int RunRestore(const Session& session, const NameOptions& options) {
  return session.Answer(
      "snapshot restore",
      [&](const client::Client& client) { return RestoreAndWait(client, options.name); },
      [&](const v1::RestoreSnapshotResponse& /*response*/) {
        session.out() << "snapshot " << options.name
                      << " is restored; what was there before is the newest pre-restore- in: "
                         "mixmatchctl snapshot list\n";
      });
}

void AddNamed(CLI::App* snapshot, Session* session, const char* command, const char* help,
              bool required, int (*run)(const Session&, const NameOptions&)) {
  CLI::App* const added = snapshot->add_subcommand(command, help);
  const auto options = std::make_shared<NameOptions>();
  CLI::Option* const name = added->add_option("NAME", options->name, "The snapshot");
  if (required) name->required();
  RunBy(added, session, options, run);
}

}  // namespace

void AddSnapshot(CLI::App* app, Session* session) {
  CLI::App* const snapshot =
      app->add_subcommand("snapshot", "Copies of the whole memory: make, check, put back");
  snapshot->require_subcommand(1);
  AddNamed(snapshot, session, "create", "Make one; without a name it is called by the time", false,
           RunCreate);
  RunBy(snapshot->add_subcommand("list", "List them, newest first"), session, RunList);
  AddNamed(snapshot, session, "verify", "Read one back and compare it with what was written", true,
           RunVerify);
  AddNamed(snapshot, session, "restore",
           "Put the memory back to one; what it held is kept as pre-restore-TIME", true,
           RunRestore);
  AddNamed(snapshot, session, "delete", "Delete one", true, RunDelete);
  CLI::App* const download =
      snapshot->add_subcommand("download", "Copy one to this machine, as a folder");
  const auto options = std::make_shared<DownloadOptions>();
  download->add_option("NAME", options->name, "The snapshot")->required();
  download->add_option("--to", options->to, "Folder, which must not exist yet")->required();
  RunBy(download, session, options, RunDownload);
}

}  // namespace mixmatch::cli
