// mixmatchctl watermarks: how far the memory is, and waiting for it.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/table.h"
#include "clients/cli/waiting.h"

namespace mixmatch::cli {
namespace {

struct WatermarkOptions {
  std::string wait;
  std::string up_to = "all";
};

// Waits as asked. Returns an exit code.
int Wait(const Session& session, const client::Client& client, const WatermarkOptions& options) {
  uint64_t sequence = 0;
  if (options.up_to == "all") {
    const absl::StatusOr<v1::GetWatermarksResponse> now = client.GetWatermarks();
    if (!now.ok()) return session.Fail("watermarks", now.status());
    sequence = now->watermarks().durable();
  } else if (!absl::SimpleAtoi(options.up_to, &sequence)) {
    return session.Misused(absl::InvalidArgumentError(
        absl::StrCat("--up-to ", options.up_to, ": no number; give a sequence number or 'all'")));
  }
  const absl::Status waited = WaitForWatermark(session, client, options.wait, sequence);
  return waited.ok() ? kExitOk : session.Fail("watermarks", waited);
}

int RunWatermarks(const Session& session, const WatermarkOptions& options) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  if (!options.wait.empty()) {
    const int waited = Wait(session, *client, options);
    if (waited != kExitOk) return waited;
  }
  const absl::StatusOr<v1::GetWatermarksResponse> response = client->GetWatermarks();
  if (!response.ok()) return session.Fail("watermarks", response.status());
  if (session.json) {
    session.PrintJson(*response);
    return kExitOk;
  }
  const v1::Watermarks& marks = response->watermarks();
  Table table({{"watermark"}, {"sequence", Table::Align::kRight}});
  for (const char* name : {"durable", "recallable", "learned", "served_learned"}) {
    table.AddRow({name, CountText(WatermarkOf(marks, name))});
  }
  table.Print(session.out());
  session.out() << "generation " << marks.generation() << " serves\n";
  return kExitOk;
}

}  // namespace

void AddWatermarks(CLI::App* app, Session* session) {
  CLI::App* const command =
      app->add_subcommand("watermarks", "Show how far the memory is, or wait for it");
  auto options = std::make_shared<WatermarkOptions>();
  CLI::Option* const wait =
      command->add_option("--wait", options->wait, "Wait for this watermark")
          ->check(CLI::IsMember({"durable", "recallable", "learned", "served_learned"}));
  command
      ->add_option("--up-to", options->up_to,
                   "Until it has reached this sequence number, or all that is stored now")
      ->needs(wait)
      ->capture_default_str();
  RunBy(command, session, options, RunWatermarks);
}

}  // namespace mixmatch::cli
