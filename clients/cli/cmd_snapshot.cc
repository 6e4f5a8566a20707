// mixmatchctl snapshot: copies of the whole memory, made, checked, put back.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/progress.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

constexpr absl::Duration kRestartMax = absl::Minutes(10);
constexpr absl::Duration kLook = absl::Milliseconds(200);

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

// Restores, and waits until the daemon serves again.
absl::StatusOr<v1::RestoreSnapshotResponse> Restore(const client::Client& client,
                                                    const v1::RestoreSnapshotRequest& request) {
  const auto before = client.GetStatus();
  if (!before.ok()) return before.status();
  auto response = client.RestoreSnapshot(request);
  if (!response.ok()) return response;
  const auto started = [](const v1::GetStatusResponse& status) {
    return std::pair(status.start_time().seconds(), status.start_time().nanos());
  };
  const absl::Time deadline = absl::Now() + kRestartMax;
  while (absl::Now() < deadline) {
    const auto now = client.GetStatus();
    if (now.ok() && started(*now) > started(*before)) return response;
    absl::SleepFor(kLook);
  }
  return absl::DeadlineExceededError(
      "the daemon does not serve again; see its log for what it met");
}

int RunRestore(const Session& session, const NameOptions& options) {
  v1::RestoreSnapshotRequest request;
  request.set_name(options.name);
  return session.Answer(
      "snapshot restore", [&](const client::Client& client) { return Restore(client, request); },
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
}

}  // namespace mixmatch::cli
