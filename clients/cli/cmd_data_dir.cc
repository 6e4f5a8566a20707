// mixmatchctl fsck, rebuild, export and import: hand over to mixmatchd, which knows what lies on
// the disk.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"

namespace mixmatch::cli {
namespace {

struct DiskOptions {
  std::string data_dir;
  std::string what;
  std::string salvage;
  std::string folder;
  bool without_weights = false;
};

// Becomes mixmatchd: the one beside this program, or else the one on the path.
int Become(const Session& session, std::vector<std::string> arguments) {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::string beside = self.parent_path() / "mixmatchd";
  arguments.insert(arguments.begin(), beside);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  session.out().flush();
  execv(beside.c_str(), argv.data());
  execvp("mixmatchd", argv.data());
  return session.Misused(absl::NotFoundError(absl::StrCat(
      "mixmatchd not started: ", std::strerror(errno), "; install it beside mixmatchctl")));
}

int RunFsck(const Session& session, const DiskOptions& options) {
  std::vector<std::string> arguments = {"--fsck", "--data-dir", options.data_dir};
  if (!options.salvage.empty()) {
    arguments = {"--salvage", options.salvage, "--data-dir", options.data_dir};
  }
  if (session.json) arguments.emplace_back("--json");
  return Become(session, std::move(arguments));
}

int RunRebuild(const Session& session, const DiskOptions& options) {
  return Become(session, {"--rebuild", options.what, "--data-dir", options.data_dir});
}

int RunExchange(const Session& session, const DiskOptions& options, const char* what) {
  std::vector<std::string> arguments = {what, options.folder, "--data-dir", options.data_dir};
  if (options.without_weights) arguments.emplace_back("--without-weights");
  return Become(session, std::move(arguments));
}

int RunExport(const Session& session, const DiskOptions& options) {
  return RunExchange(session, options, "--export");
}

int RunImport(const Session& session, const DiskOptions& options) {
  return RunExchange(session, options, "--import");
}

}  // namespace

void AddDataDir(CLI::App* app, Session* session) {
  CLI::App* const fsck = app->add_subcommand(
      "fsck", "Check a data directory on this machine; changes nothing. Exit status 3: findings");
  CLI::App* const rebuild = app->add_subcommand(
      "rebuild", "Make a part of a data directory anew from the events; no daemon may hold it");
  auto options = std::make_shared<DiskOptions>();
  CLI::App* const out = app->add_subcommand(
      "export", "Write everything as JSON Lines and media files; a daemon may run meanwhile");
  CLI::App* const in = app->add_subcommand("import", "Make a new data directory of an export");
  out->add_option("--to", options->folder, "A new folder")->required();
  in->add_option("--from", options->folder, "The folder of an export")->required();
  for (CLI::App* const command : {out, in}) {
    command->add_flag("--without-weights", options->without_weights,
                      "Without what was learned: a new learner begins");
  }
  for (CLI::App* const command : {fsck, rebuild, out, in}) {
    command->add_option("--data-dir", options->data_dir, "The data directory")->required();
  }
  fsck->add_option("--salvage", options->salvage,
                   "Bring over what verifies into this new data directory, and list what is lost");
  rebuild->add_option("--what", options->what, "The part")
      ->required()
      ->check(CLI::IsMember({"keys", "features", "episodes", "embeddings", "index"}));
  RunBy(fsck, session, options, RunFsck);
  RunBy(rebuild, session, options, RunRebuild);
  RunBy(out, session, options, RunExport);
  RunBy(in, session, options, RunImport);
}

}  // namespace mixmatch::cli
