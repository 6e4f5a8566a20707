// In reading order: serving, flags.
#include "server/program.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

#include "absl/synchronization/mutex.h"
#include "core/base/thread_priority.h"
#include "server/config.h"
#include "server/daemon.h"
#include "server/data_dir_commands.h"
#include "server/drain_deadline.h"
#include "server/library_environment.h"
#include "server/version.h"

namespace mixmatch {
namespace {

struct Flags {
  std::string config;
  std::string data_dir;
  std::string listen;
  std::string port_file;
  bool check_config = false;
  bool fsck = false;
  std::string salvage;
  bool json = false;
  std::string rebuild;
  std::string export_to;
  std::string import_from;
  bool without_weights = false;
};

// Written whole or not at all: who waits for it never reads half an address.
bool WritePortFile(const std::string& path, const std::string& address) {
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << address << "\n";
  file.close();
  return file.good() && std::rename(temporary.c_str(), path.c_str()) == 0;
}

int Fail(const absl::Status& status) {
  std::cerr << "mixmatchd: " << status.message() << "\n";
  return status.code() == absl::StatusCode::kInvalidArgument ||
                 status.code() == absl::StatusCode::kNotFound
             ? 2
             : 1;
}

// Sent by the daemon to its own process: drain, and start anew.
constexpr int kRestart = SIGUSR1;

// What stops services commonly waits 30 s or more before it kills them.
constexpr absl::Duration kDrainTime = absl::Seconds(25);

int Serve(Config config, const std::string& port_file) {
  // Blocked here and so in every thread: only sigwait below takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, kRestart);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  bool served = false;
  for (int signal_number = kRestart; signal_number == kRestart;) {
    auto daemon = Daemon::Start(config, [] { kill(getpid(), kRestart); });
    if (served && absl::IsUnavailable(daemon.status())) {
      // It served before, and the disk or the address is not to be had just now.
      spdlog::error("not started: {}; tried again", std::string(daemon.status().message()));
      const timespec wait = {.tv_sec = 2, .tv_nsec = 0};
      const int got = sigtimedwait(&signals, nullptr, &wait);
      if (got == SIGTERM || got == SIGINT) return 1;
      continue;
    }
    if (!daemon.ok()) return Fail(daemon.status());
    served = true;
    config.listen = (*daemon)->address();  // a free port that was found stays the same
    spdlog::info("mixmatchd {} serves on {}, data in {}", kVersion, config.listen, config.data_dir);
    if (!port_file.empty() && !WritePortFile(port_file, config.listen)) {
      return Fail(absl::UnavailableError("port file not written: " + port_file));
    }
    sigwait(&signals, &signal_number);
    spdlog::info("signal {}: draining", signal_number);
    std::optional<DrainDeadline> deadline;  // until the process ends, where it is to end
    if (signal_number != kRestart) deadline.emplace(kDrainTime);
    (*daemon)->Drain();
    daemon->reset();
    spdlog::info("drained");
  }
  return 0;
}

}  // namespace

int RunDaemonProgram(int argc, char** argv) {
  SetLibraryEnvironment(argv);
  TakeShortTurns();
  NameThread("mixmatchd");  // started over, it would be called after the link that it started by
  // Debian builds Abseil so that every lock looks for deadlocks, under a lock that all share.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Flags flags;
  CLI::App app("Mix-Match: a memory that learns");
  app.add_option("--config", flags.config, "YAML file; every key has a default");
  app.add_option("--data-dir", flags.data_dir, "overrides data_dir");
  app.add_option("--listen", flags.listen,
                 "overrides listen: HOST:PORT (0: a free one), unix:PATH");
  app.add_option("--port-file", flags.port_file, "gets the address once it serves");
  app.add_flag("--check-config", flags.check_config, "print the configuration in force, and end");
  app.add_flag("--fsck", flags.fsck,
               "check the data directory, print what was found, and end: 0 whole, 3 findings");
  app.add_option("--salvage", flags.salvage,
                 "bring over what verifies into a new data directory, and end: 0 all, 3 losses");
  app.add_option(
      "--rebuild", flags.rebuild,
      "make a part anew from the events, and end: keys, features, episodes, embeddings, index");
  app.add_option("--export", flags.export_to,
                 "write everything into a new folder, for any program to read, and end");
  app.add_option("--import", flags.import_from,
                 "make a new data directory of what --export wrote, and end");
  app.add_flag("--without-weights", flags.without_weights,
               "--export, --import: without what was learned, so that a new learner begins");
  app.add_flag("--json", flags.json, "print what --fsck found as JSON");
  app.set_version_flag("--version", std::string("mixmatchd ") + kVersion);
  CLI11_PARSE(app, argc, argv);

  auto config = LoadConfig(flags.config);
  if (!config.ok()) return Fail(config.status());
  if (!flags.data_dir.empty()) config->data_dir = flags.data_dir;
  if (!flags.listen.empty()) config->listen = flags.listen;
  if (flags.check_config) {
    std::cout << PrintConfig(*config);
    return 0;
  }
  if (flags.fsck) return RunFsck(config->data_dir, flags.json, std::cout, std::cerr);
  if (!flags.salvage.empty()) {
    return RunSalvage(config->data_dir, flags.salvage, flags.json, std::cout, std::cerr);
  }
  if (!flags.rebuild.empty()) {
    return RunRebuild(config->data_dir, flags.rebuild, std::cout, std::cerr);
  }
  if (!flags.export_to.empty()) {
    return RunExport(config->data_dir, flags.export_to, !flags.without_weights, std::cout,
                     std::cerr);
  }
  if (!flags.import_from.empty()) {
    return RunImport(config->data_dir, flags.import_from, !flags.without_weights, std::cout,
                     std::cerr);
  }
  spdlog::set_level(spdlog::level::from_str(config->log_level));
  spdlog::flush_on(spdlog::level::info);
  return Serve(*config, flags.port_file);
}

}  // namespace mixmatch
