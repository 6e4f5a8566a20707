// mixmatchctl fsck: hands over to mixmatchd, which knows what lies on the disk.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"

namespace mixmatch::cli {
namespace {

struct FsckOptions {
  std::string data_dir;
};

int RunFsck(const Session& session, const FsckOptions& options) {
  // The one beside this program, or else the one on the path.
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::string beside = self.parent_path() / "mixmatchd";
  std::vector<std::string> words = {beside, "--fsck", "--data-dir", options.data_dir};
  if (session.json) words.emplace_back("--json");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  session.out().flush();
  execv(beside.c_str(), argv.data());
  execvp("mixmatchd", argv.data());
  return session.Misused(absl::NotFoundError(absl::StrCat(
      "fsck: mixmatchd not started: ", std::strerror(errno), "; install it beside mixmatchctl")));
}

}  // namespace

void AddFsck(CLI::App* app, Session* session) {
  CLI::App* const command = app->add_subcommand(
      "fsck", "Check a data directory on this machine; changes nothing. Exit status 3: findings");
  auto options = std::make_shared<FsckOptions>();
  command->add_option("--data-dir", options->data_dir, "The data directory")->required();
  RunBy(command, session, options, RunFsck);
}

}  // namespace mixmatch::cli
