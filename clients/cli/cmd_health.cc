// mixmatchctl health: whether the daemon serves, for checks by machines.
#include "clients/cli/commands.h"

namespace mixmatch::cli {
namespace {

int RunHealth(const Session& session) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<bool> serving = client->IsServing();
  if (!serving.ok()) return session.Fail("health", serving.status());
  const char* const text = *serving ? "SERVING" : "NOT_SERVING";
  if (session.json) {
    session.out() << "{\"status\": \"" << text << "\"}\n";
  } else {
    session.out() << text << '\n';
  }
  return *serving ? kExitOk : kExitServer;
}

}  // namespace

void AddHealth(CLI::App* app, Session* session) {
  RunBy(app->add_subcommand("health", "Whether the daemon serves; exit status 1 when it does not"),
        session, RunHealth);
}

}  // namespace mixmatch::cli
