// Global options and the list of commands.
#include "clients/cli/app.h"

#include <cstdlib>

#include "clients/cli/commands.h"

namespace mixmatch::cli {
namespace {

constexpr char kFooter[] =
    "Exit status: 0 done; 1 the daemon refused or did not answer; 2 wrong usage; 3 done, but "
    "single\n"
    "lines or events were bad. Files for ingest and eval: MANIFEST.md.";

void AddGlobalOptions(CLI::App* app, Session* session) {
  app->add_option("--server", session->server, "Daemon: HOST:PORT or unix:PATH")
      ->envname("MIXMATCH_SERVER")
      ->capture_default_str();
  app->add_flag("--json", session->json, "Print JSON instead of tables");
  app->add_option("--timeout", session->timeout_s,
                  "Seconds for a call, for a whole publish or consolidation, and for waiting; "
                  "default 30 for a call, no limit for the others")
      ->check(CLI::PositiveNumber);
  app->add_option("--token-file", session->token_file,
                  "File whose first line is the token; else the variable MIXMATCH_TOKEN")
      ->envname("MIXMATCH_TOKEN_FILE");
  app->add_flag("--tls", session->tls, "Connect by TLS, trusting the system's authorities")
      ->envname("MIXMATCH_TLS");
  app->add_option("--tls-ca", session->tls_ca_file, "Connect by TLS, trusting this PEM file's")
      ->envname("MIXMATCH_TLS_CA");
  app->add_option("--tls-cert", session->tls_certificate_file,
                  "Certificate to show, where the daemon asks for one")
      ->envname("MIXMATCH_TLS_CERT");
  app->add_option("--tls-key", session->tls_key_file, "Its key")->envname("MIXMATCH_TLS_KEY");
  // Of a secret on the command line others would read: only from the environment.
  if (const char* const token = std::getenv("MIXMATCH_TOKEN")) session->token = token;
  app->set_version_flag("--version", std::string("mixmatchctl ") + MIXMATCH_VERSION);
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, const Streams& streams) {
  CLI::App app("Talks to mixmatchd, the memory that learns.", "mixmatchctl");
  Session session(streams);
  AddGlobalOptions(&app, &session);
  app.require_subcommand(1);
  app.footer(kFooter);
  AddStatus(&app, &session);
  AddHealth(&app, &session);
  AddIngest(&app, &session);
  AddRecall(&app, &session);
  AddEvents(&app, &session);
  AddEpisode(&app, &session);
  AddEmbed(&app, &session);
  AddEval(&app, &session);
  AddGenerations(&app, &session);
  AddLearning(&app, &session);
  AddConsolidate(&app, &session);
  AddSkill(&app, &session);
  AddGraph(&app, &session);
  AddSnapshot(&app, &session);
  AddBackup(&app, &session);
  AddBench(&app, &session);
  AddForget(&app, &session);
  AddDataDir(&app, &session);
  AddToken(&app, &session);
  AddWatermarks(&app, &session);
  // Global options stand anywhere, behind the commands of commands too.
  for (CLI::App* const command : app.get_subcommands({})) command->fallthrough();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, streams.out, streams.err) == 0 ? kExitOk : kExitUsage;
  }
  return session.exit_code;
}

}  // namespace mixmatch::cli
