// mixmatchctl in the test's own process, with a real server behind it.
//
// Gives arguments in; text, JSON and exit codes out; a folder of its own for manifests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/app.h"
#include "tests/clients/memory_server.h"

namespace mixmatch::cli {
using Json = nlohmann::json;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

// Runs mixmatchctl in this process.
inline Result RunWith(const std::string& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"mixmatchctl", "--server", server});
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Result result;
  result.code = RunCommandLine(static_cast<int>(argv.size()), argv.data(), {out, err, false});
  result.out = out.str();
  result.err = err.str();
  return result;
}

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest()
      : folder_(absl::StrCat(::testing::TempDir(), "command_line_test_", getpid())),
        manifest_(folder_ + "/stream.jsonl"),
        server_({}) {
    std::filesystem::create_directories(folder_);
  }
  ~CommandLineTest() override { std::filesystem::remove_all(folder_); }

  Result Ctl(std::vector<std::string> arguments) const {
    return RunWith(server_.target(), std::move(arguments));
  }
  std::string Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
    return folder_ + "/" + name;
  }
  // Events x0, y0, z0, x1, … each with a word and, on the axis of its letter, a vector.
  void WriteManifest(int per_letter) const {
    std::string text;
    for (int i = 0; i < per_letter; ++i) {
      for (int axis = 0; axis < 3; ++axis) {
        const char letter = static_cast<char>('x' + axis);
        absl::StrAppend(&text, R"({"event_id":")", std::string(1, letter), i, R"(","time":)", i + 1,
                        R"(,"source":"s","percepts":[{"modality":"word","text":")",
                        std::string(1, letter), R"("},{"modality":"pose","vector":[)",
                        axis == 0 ? 1 : 0, ",", axis == 1 ? 1 : 0, ",", axis == 2 ? 1 : 0,
                        R"(]}],"metadata":{"letter":")", std::string(1, letter), "\"}}\n");
      }
    }
    Write("stream.jsonl", text);
  }

  const std::string folder_;
  const std::string manifest_;
  client::MemoryServer server_;
};

}  // namespace mixmatch::cli
