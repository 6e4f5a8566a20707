// The commands of mixmatchctl, one function each: it adds the command to the parser; when the
// command is called, its callback runs it and sets the session's exit code.
//
// Lifetime: parser and session outlive the parsing.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "clients/cli/session.h"

namespace mixmatch::cli {

void AddBackup(CLI::App* app, Session* session);
void AddBench(CLI::App* app, Session* session);
void AddStatus(CLI::App* app, Session* session);
void AddIngest(CLI::App* app, Session* session);
void AddRecall(CLI::App* app, Session* session);
void AddEvents(CLI::App* app, Session* session);
void AddEpisode(CLI::App* app, Session* session);
void AddEmbed(CLI::App* app, Session* session);
void AddEval(CLI::App* app, Session* session);
void AddForget(CLI::App* app, Session* session);
void AddDataDir(CLI::App* app, Session* session);
void AddGenerations(CLI::App* app, Session* session);
void AddHealth(CLI::App* app, Session* session);
void AddLearning(CLI::App* app, Session* session);
// Adds "report" to the command "learning".
void AddLearningReport(CLI::App* learning, Session* session);
void AddConsolidate(CLI::App* app, Session* session);
void AddGraph(CLI::App* app, Session* session);
void AddSkill(CLI::App* app, Session* session);
// Adds "teach", "unteach" and "evaluate" to the command "skill".
void AddSkillTeach(CLI::App* skill, Session* session);
void AddSnapshot(CLI::App* app, Session* session);
void AddToken(CLI::App* app, Session* session);
void AddWatermarks(CLI::App* app, Session* session);

// Makes a command that takes the global options after its name too, and runs `run` with the options
// that `options` holds, which it keeps alive.
template <typename Options>
void RunBy(CLI::App* command, Session* session, std::shared_ptr<Options> options,
           int (*run)(const Session&, const Options&)) {
  command->fallthrough();
  command->callback([session, options, run] { session->exit_code = run(*session, *options); });
}

// The same without options.
inline void RunBy(CLI::App* command, Session* session, int (*run)(const Session&)) {
  command->fallthrough();
  command->callback([session, run] { session->exit_code = run(*session); });
}

}  // namespace mixmatch::cli
