// mixmatch_bench_step [--preset NAME] [--threads N] [--steps N] [--clock wall|cpu] [--json FILE]
//
// How well a training step uses the machine: its rate of operations as a share of the machine's own
// fp32 matrix-product rate, measured between the steps of the same run, in fp32 and, where the CPU
// has instructions for it, in bf16, with the ratio of both; and how many percepts of each modality
// are embedded in a second. Batches of 64 made-up episodes shaped like the digits
// stream: a grey image, 0.2 to 0.7 s of sound, one of ten words. Presets are `nano` and `small`
// unless one is named. On a machine that has other work to do, `--clock cpu` with one thread leaves
// the time out in which the program did not run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/own_heap.h"
#include "core/base/status.h"
#include "core/encoder/bf16_gemm.h"
#include "core/encoder/blas.h"
#include "core/encoder/encoder.h"
#include "core/learning/batch.h"
#include "core/learning/trainer.h"
#include "tests/bench/step_operations.h"
#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

constexpr uint64_t kEpisodes = 64;
constexpr int kWarmUp = 3;

struct Arguments {
  std::vector<std::string> presets = {"nano", "small"};
  int threads = 1;
  int steps = 20;
  bool cpu_clock = false;
  std::string json;
};

// Seconds on the chosen clock.
double Now(const Arguments& arguments) {
  timespec now{};
  clock_gettime(arguments.cpu_clock ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

std::vector<TrainingEpisode> Episodes(uint64_t batch) {
  std::vector<TrainingEpisode> episodes;
  for (uint64_t e = 0; e < kEpisodes; ++e) {
    const uint64_t seed = batch * kEpisodes + e;
    const auto frames = static_cast<uint32_t>(20 + 50 * testing::Noise(seed, 0));
    episodes.push_back({.id = seed});
    episodes.back().percepts = {{.modality = testing::Spec("image", PayloadKind::kImage),
                                 .features = testing::ImageSample(seed)},
                                {.modality = testing::Spec("audio", PayloadKind::kAudio),
                                 .features = testing::AudioSample(seed, frames)},
                                {.modality = testing::Spec("text", PayloadKind::kText),
                                 .features = testing::TextSample(e % 10, 1, 9)}};
  }
  return episodes;
}

// Appends "name": value to the JSON object that is being written.
void Put(std::string& json, const std::string& name, double value) {
  absl::StrAppend(&json, json.empty() ? "" : ", ", "\"", name, "\": ", value);
}

// The same steps in every precision that this machine has, in turns.
absl::Status BenchStep(const std::string& preset, const Arguments& arguments, std::string& json) {
  struct Run {
    std::string precision;
    std::unique_ptr<Trainer> trainer;
    std::vector<double> times;
    std::vector<double> shares;
  };
  MM_ASSIGN_OR_RETURN(const ModelConfig config, ModelConfigOf(preset, 1));
  std::vector<Run> runs(Bf16Supported() ? 2 : 1);
  for (Run& run : runs) {
    run.precision = &run == &runs[0] ? "fp32" : "bf16";
    MM_ASSIGN_OR_RETURN(run.trainer,
                        Trainer::Create(config, {.device = "cpu", .precision = run.precision}));
  }
  std::vector<double> rates;
  for (int i = 0; i < kWarmUp + arguments.steps; ++i) {
    const auto episodes = Episodes(static_cast<uint64_t>(i));
    if (i >= kWarmUp) rates.push_back(MeasureMatmulGflops());
    for (Run& run : runs) {
      // The trainer's own plan: it draws from its seed and the number of the step.
      const BatchPlan plan =
          PlanBatch(episodes, {}, StableMix64(config.seed, run.trainer->steps()));
      const double operations = StepOperations(config, plan);
      const double start = Now(arguments);
      MM_RETURN_IF_ERROR(run.trainer->Step(episodes).status());
      const double seconds = Now(arguments) - start;
      if (i < kWarmUp) continue;
      run.times.push_back(seconds);
      run.shares.push_back(operations / seconds / 1e9 / rates.back());
    }
  }
  std::string object;
  for (const Run& run : runs) {
    const double speed = Median(runs[0].times) / Median(run.times);
    std::printf("%-8s %-4s %9.2f M %9.1f ms %12.1f GFLOP/s %8.3f %8.2f\n", preset.c_str(),
                run.precision.c_str(), static_cast<double>(run.trainer->parameter_count()) / 1e6,
                Median(run.times) * 1e3, Median(rates), Median(run.shares), speed);
    const std::string end = &run == &runs[0] ? "" : "_" + run.precision;
    if (&run == &runs[0]) {
      Put(object, "parameters", static_cast<double>(run.trainer->parameter_count()));
      Put(object, "matmul_gflops", Median(rates));
    } else {
      Put(object, "ratio" + end, speed);
    }
    Put(object, "step_ms" + end, Median(run.times) * 1e3);
    Put(object, "share_of_matmul" + end, Median(run.shares));
  }
  absl::StrAppend(&json, json.empty() ? "" : ", ", "\"", preset, "\": {", object, "}");
  return absl::OkStatus();
}

// Percepts a second in batches of `batch`.
absl::StatusOr<double> EmbedRate(const Encoder& encoder, const TrainingPercept& percept,
                                 size_t batch, const Arguments& arguments) {
  const std::vector<Mixture> mixtures(batch, {{&percept.modality, &percept.features}});
  std::vector<float> out(batch * static_cast<size_t>(encoder.config().embedding));
  std::vector<double> times;
  for (int i = 0; i < 20; ++i) {
    const double start = Now(arguments);
    MM_RETURN_IF_ERROR(encoder.Embed(mixtures, out));
    times.push_back(Now(arguments) - start);
  }
  return static_cast<double>(batch) / Median(times);
}

absl::Status BenchEmbedding(const std::string& preset, const Arguments& arguments,
                            std::string& json) {
  MM_ASSIGN_OR_RETURN(const ModelConfig config, ModelConfigOf(preset, 1));
  MM_ASSIGN_OR_RETURN(const auto encoder, Encoder::Create(config));
  const std::vector<TrainingPercept> percepts = {
      {.modality = testing::Spec("image", PayloadKind::kImage),
       .features = testing::ImageSample(1)},
      {.modality = testing::Spec("audio of 0.45 s", PayloadKind::kAudio),
       .features = testing::AudioSample(1, 45)},
      {.modality = testing::Spec("text of a word", PayloadKind::kText),
       .features = testing::TextSample(1, 1, 9)},
      {.modality = testing::Spec("series of 6", PayloadKind::kSeries, 6),
       .features = testing::SeriesSample(1, 6)},
      {.modality = testing::Spec("vector of 64", PayloadKind::kVector, 64),
       .features = testing::VectorSample(1, 64)}};
  std::string object;
  for (const TrainingPercept& percept : percepts) {
    MM_ASSIGN_OR_RETURN(const double alone, EmbedRate(*encoder, percept, 1, arguments));
    MM_ASSIGN_OR_RETURN(const double batched, EmbedRate(*encoder, percept, 64, arguments));
    std::printf("%-8s %-18s %9.2f ms %12.0f /s\n", preset.c_str(), percept.modality.name.c_str(),
                1e3 / alone, batched);
    Put(object, percept.modality.name + ", alone, ms", 1e3 / alone);
    Put(object, percept.modality.name + ", batches of 64, per second", batched);
  }
  absl::StrAppend(&json, json.empty() ? "" : ", ", "\"", preset, "\": {", object, "}");
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments) {
  SetComputeThreads(arguments.threads);
  const OwnHeap heap;  // as the daemon's learner has it
  std::string steps;
  std::string embedding;
  std::printf("%-13s %11s %12s %20s %8s %8s\n", "preset", "parameters", "step", "matrix product",
              "share", "speed");
  for (const std::string& preset : arguments.presets) {
    MM_RETURN_IF_ERROR(BenchStep(preset, arguments, steps));
  }
  std::printf("\n%-8s %-18s %12s %15s\n", "preset", "embedding of", "one", "batches of 64");
  for (const std::string& preset : arguments.presets) {
    MM_RETURN_IF_ERROR(BenchEmbedding(preset, arguments, embedding));
  }
  if (arguments.json.empty()) return absl::OkStatus();
  std::FILE* file = std::fopen(arguments.json.c_str(), "w");
  if (file == nullptr) return absl::NotFoundError(arguments.json + ": cannot be written");
  std::fprintf(file, "{\"threads\": %d, \"step\": {%s}, \"embedding\": {%s}}\n", arguments.threads,
               steps.c_str(), embedding.c_str());
  return std::fclose(file) == 0 ? absl::OkStatus()
                                : absl::InternalError(arguments.json + ": cannot be written");
}

}  // namespace
}  // namespace mixmatch

int main(int argc, char** argv) {
  mixmatch::RestartForFastBlas(argv);
  mixmatch::Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 < argc && name == "--preset") {
      arguments.presets = {argv[i + 1]};
    } else if (i + 1 < argc && name == "--threads") {
      arguments.threads = std::atoi(argv[i + 1]);
    } else if (i + 1 < argc && name == "--steps") {
      arguments.steps = std::max(1, std::atoi(argv[i + 1]));
    } else if (i + 1 < argc && name == "--clock") {
      arguments.cpu_clock = std::string(argv[i + 1]) == "cpu";
    } else if (i + 1 < argc && name == "--json") {
      arguments.json = argv[i + 1];
    } else {
      std::fprintf(stderr,
                   "usage: mixmatch_bench_step [--preset NAME] [--threads N] [--steps N]"
                   " [--clock wall|cpu] [--json FILE]\n");
      return 2;
    }
  }
  const absl::Status status = mixmatch::Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "mixmatch_bench_step: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
