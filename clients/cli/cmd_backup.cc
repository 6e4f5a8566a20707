// mixmatchctl backup: copies of the whole memory in another directory.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/progress.h"
#include "clients/cli/restoring.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

struct BackupOptions {
  uint32_t id = 0;
};

int RunCreate(const Session& session) {
  return session.Answer(
      "backup create",
      [&](const client::Client& client) {
        Progress progress(session.err(), session.progress_style(), "backup", "bytes");
        return client.CreateBackup([&](const v1::CreateBackupResponse& response) {
          progress.Update(response.done_bytes(), response.backup().bytes(), "");
          return true;
        });
      },
      [&](const v1::CreateBackupResponse& response) {
        const v1::Backup& made = response.backup();
        session.out() << "backup " << made.backup_id() << ": " << CountText(made.event_count())
                      << " events, " << BytesText(made.bytes()) << '\n';
      });
}

int RunList(const Session& session) {
  return session.Answer(
      "backup list", [](const client::Client& client) { return client.ListBackups(); },
      [&](const v1::ListBackupsResponse& response) {
        Table table({{"backup", Table::Align::kRight},
                     {"made"},
                     {"events", Table::Align::kRight},
                     {"generation", Table::Align::kRight},
                     {"size", Table::Align::kRight},
                     {"version"}});
        for (const v1::Backup& one : response.backups()) {
          table.AddRow({absl::StrCat(one.backup_id()), TimeText(one.create_time()),
                        CountText(one.event_count()), absl::StrCat(one.generation()),
                        BytesText(one.bytes()), one.version()});
        }
        table.Print(session.out());
        if (!response.damaged().empty()) {
          session.out() << "not whole: " << absl::StrJoin(response.damaged(), ", ") << '\n';
        }
      });
}

int RunVerify(const Session& session, const BackupOptions& options) {
  v1::VerifyBackupRequest request;
  request.set_backup_id(options.id);
  return session.Answer(
      "backup verify", [&](const client::Client& client) { return client.VerifyBackup(request); },
      [&](const v1::VerifyBackupResponse& /*response*/) {
        session.out() << "backup " << options.id << " is whole\n";
      });
}

int RunDelete(const Session& session, const BackupOptions& options) {
  v1::DeleteBackupRequest request;
  request.set_backup_id(options.id);
  return session.Answer(
      "backup delete", [&](const client::Client& client) { return client.DeleteBackup(request); },
      [&](const v1::DeleteBackupResponse& /*response*/) {
        session.out() << "backup " << options.id << " is deleted\n";
      });
}

int RunRestore(const Session& session, const BackupOptions& options) {
  v1::FetchBackupRequest request;
  request.set_backup_id(options.id);
  return session.Answer(
      "backup restore",
      [&](const client::Client& client) -> absl::StatusOr<v1::RestoreSnapshotResponse> {
        Progress progress(session.err(), session.progress_style(), "backup", "bytes");
        const auto fetched =
            client.FetchBackup(request, [&](const v1::FetchBackupResponse& response) {
              progress.Update(response.done_bytes(), response.total_bytes(), "");
              return true;
            });
        if (!fetched.ok()) return fetched.status();
        return RestoreAndWait(client, fetched->snapshot().name());
      },
      [&](const v1::RestoreSnapshotResponse& response) {
        session.out() << "backup " << options.id << " is restored, and kept as the snapshot "
                      << response.snapshot().name()
                      << "; what was there before is the newest pre-restore- in: "
                         "mixmatchctl snapshot list\n";
      });
}

void AddNumbered(CLI::App* backup, Session* session, const char* command, const char* help,
                 int (*run)(const Session&, const BackupOptions&)) {
  CLI::App* const added = backup->add_subcommand(command, help);
  const auto options = std::make_shared<BackupOptions>();
  added->add_option("BACKUP", options->id, "Its number")->required();
  RunBy(added, session, options, run);
}

}  // namespace

void AddBackup(CLI::App* app, Session* session) {
  CLI::App* const backup = app->add_subcommand(
      "backup", "Copies of the whole memory in the daemon's backups.dir: make, check, put back");
  backup->require_subcommand(1);
  RunBy(backup->add_subcommand("create", "Make one; it adds what the ones before lack"), session,
        RunCreate);
  RunBy(backup->add_subcommand("list", "List them, newest first"), session, RunList);
  AddNumbered(backup, session, "verify", "Read one back and compare it with its checksums",
              RunVerify);
  AddNumbered(backup, session, "restore",
              "Put the memory back to one; what it held is kept as pre-restore-TIME", RunRestore);
  AddNumbered(backup, session, "delete", "Delete one", RunDelete);
}

}  // namespace mixmatch::cli
