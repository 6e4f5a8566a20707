// Groups of options that several commands share: what to ask with, and which events count.
//
// Takes the command line; gives percepts and filters of the API. It runs nothing.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mixmatch/v1/memory.pb.h"

namespace mixmatch::cli {

// --text, --image, --audio, --vector, --percept, or the same behind a prefix.
struct PerceptArguments {
  std::vector<std::string> texts;
  std::vector<std::string> images;
  std::vector<std::string> audios;
  std::vector<std::string> vectors;   // [MODALITY=]NUMBERS or [MODALITY=]FILE
  std::vector<std::string> percepts;  // MODALITY=FILE, =FILE.json or ={…}, a manifest's percept

  // `prefix` stands before each name: --unlike-text.
  void AddTo(CLI::App* command, const std::string& prefix = "");
  bool empty() const;
  // Reads the files. INVALID_ARGUMENT or NOT_FOUND says which argument is wrong.
  absl::StatusOr<v1::PerceptMixture> Build() const;
};

// --source, --scene, --filter, --taught, --after, --before, --ingested-after, --ingested-before.
struct FilterArguments {
  std::vector<std::string> sources;
  std::vector<std::string> scenes;
  std::vector<std::string> metadata;  // KEY=VALUE; one key more than once: any of the values
  std::vector<std::string> taught;    // SKILL or SKILL=LABEL, alike
  std::string after;
  std::string before;
  std::string ingested_after;
  std::string ingested_before;

  void AddTo(CLI::App* command);
  absl::StatusOr<v1::Filter> Build() const;
};

// An option that may be given more than once, with one value each time.
CLI::Option* AddRepeatable(CLI::App* command, const std::string& name,
                           std::vector<std::string>* values, const std::string& help);

// "SOURCE/EVENT_ID", cut at the first slash; without one, the source is empty.
v1::EventKey ParseKey(const std::string& text);

}  // namespace mixmatch::cli
