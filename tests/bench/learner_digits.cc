// learner_digits FOLDER [--preset nano] [--seed 1] [--threads 1] [--consolidate 350]
//
// Trains on an exported digits stream (tests/eval/digits.py export) without a daemon, in the
// daemon's schedule, and prints P@1 and P@10 of each direction at the stream's end and after
// consolidation: the quickest way to see what a change of the learner is worth. Unlike the eval,
// which is what counts, it holds no probes out and searches exactly.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/own_heap.h"
#include "core/base/status.h"
#include "core/encoder/blas.h"
#include "core/encoder/encoder.h"
#include "core/learning/learner.h"
#include "tests/bench/digits_stream.h"

namespace mixmatch {
namespace {

constexpr size_t kEmbedBatch = 256;
constexpr size_t kNeighbours = 10;

struct Arguments {
  std::string folder;
  std::string preset = "nano";
  uint64_t seed = 1;
  int threads = 1;
  int consolidate = 350;
};

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

absl::StatusOr<std::vector<float>> EmbedAll(const Encoder& encoder,
                                            const std::vector<Mixture>& mixtures) {
  const auto width = static_cast<size_t>(encoder.config().embedding);
  std::vector<float> out(mixtures.size() * width);
  for (size_t first = 0; first < mixtures.size(); first += kEmbedBatch) {
    const size_t count = std::min(kEmbedBatch, mixtures.size() - first);
    MM_RETURN_IF_ERROR(encoder.Embed(std::span(mixtures).subspan(first, count),
                                     std::span(out).subspan(first * width, count * width)));
  }
  return out;
}

struct Score {
  double count = 0;
  double at_1 = 0;
  double at_k = 0;
};

absl::Status Evaluate(const char* title, const Encoder& encoder, const DigitsStream& stream) {
  const auto width = static_cast<size_t>(encoder.config().embedding);
  std::vector<Mixture> stored;
  for (const DigitsPercept& p : stream.percepts()) {
    stored.push_back({{&p.percept.modality, &p.percept.features}});
  }
  std::vector<Mixture> asked;
  for (const DigitsQuery& query : stream.queries()) {
    asked.emplace_back();
    for (const TrainingPercept& p : query.percepts) {
      asked.back().push_back({&p.modality, &p.features});
    }
  }
  MM_ASSIGN_OR_RETURN(const std::vector<float> memory, EmbedAll(encoder, stored));
  MM_ASSIGN_OR_RETURN(const std::vector<float> queries, EmbedAll(encoder, asked));
  std::map<std::string, Score> scores;
  std::vector<std::pair<float, size_t>> nearest;
  for (size_t q = 0; q < asked.size(); ++q) {
    const DigitsQuery& query = stream.queries()[q];
    nearest.clear();
    for (size_t i = 0; i < stored.size(); ++i) {
      if (stored[i][0].modality->name != query.want) continue;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (size_t e = 0; e < width; ++e) sum += queries[q * width + e] * memory[i * width + e];
      nearest.emplace_back(-sum, i);
    }
    const size_t k = std::min(kNeighbours, nearest.size());
    std::partial_sort(nearest.begin(), nearest.begin() + static_cast<std::ptrdiff_t>(k),
                      nearest.end());
    Score& score = scores[query.Pair()];
    ++score.count;
    for (size_t r = 0; r < k; ++r) {
      const bool right = stream.percepts()[nearest[r].second].digit == query.digit;
      score.at_k += right ? 1.0 / static_cast<double>(k) : 0;
      score.at_1 += right && r == 0 ? 1 : 0;
    }
  }
  std::printf("%s\n  %-22s %6s %7s %7s\n", title, "query -> wanted", "count", "P@1", "P@10");
  for (const auto& [pair, score] : scores) {
    std::printf("  %-22s %6.0f %7.4f %7.4f\n", pair.c_str(), score.count, score.at_1 / score.count,
                score.at_k / score.count);
  }
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments) {
  SetComputeThreads(arguments.threads);
  const OwnHeap heap;
  MM_ASSIGN_OR_RETURN(const DigitsStream stream, DigitsStream::Read(arguments.folder));
  MM_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfigOf(arguments.preset, arguments.seed));
  MM_ASSIGN_OR_RETURN(const auto learner, Learner::Create(model, LearnerConfig{}, &stream));
  auto start = std::chrono::steady_clock::now();
  double loss = 0;
  while (learner->HasNew(/*flush=*/true)) {
    MM_ASSIGN_OR_RETURN(const StepResult step, learner->StepNew(/*flush=*/true));
    loss += 0.02 * (step.loss - loss);
  }
  const auto report = [&](const char* title, uint64_t steps) -> absl::Status {
    std::printf("%s: %lu steps, %.3f s each, loss %.3f\n", title, static_cast<unsigned long>(steps),
                SecondsSince(start) / static_cast<double>(std::max<uint64_t>(steps, 1)), loss);
    MM_ASSIGN_OR_RETURN(const auto encoder, learner->trainer().Averaged());
    return Evaluate(title, *encoder, stream);
  };
  MM_RETURN_IF_ERROR(report("end of the stream", learner->progress().steps_stream));
  start = std::chrono::steady_clock::now();
  for (int i = 0; i < arguments.consolidate; ++i) {
    MM_ASSIGN_OR_RETURN(const StepResult step, learner->StepReplay());
    loss += 0.02 * (step.loss - loss);
  }
  return report("consolidated", learner->progress().steps_consolidation);
}

bool Parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with("--")) {
      arguments.folder = argument;
      continue;
    }
    if (++i == argc) return false;
    if (argument == "--preset") {
      arguments.preset = argv[i];
    } else if (argument == "--seed") {
      arguments.seed = std::strtoull(argv[i], nullptr, 10);
    } else if (argument == "--threads") {
      arguments.threads = std::atoi(argv[i]);
    } else if (argument == "--consolidate") {
      arguments.consolidate = std::atoi(argv[i]);
    } else {
      return false;
    }
  }
  return !arguments.folder.empty();
}

}  // namespace
}  // namespace mixmatch

int main(int argc, char** argv) {
  mixmatch::RestartForFastBlas(argv);
  mixmatch::Arguments arguments;
  if (!mixmatch::Parse(argc, argv, arguments)) {
    std::fprintf(stderr,
                 "usage: learner_digits FOLDER [--preset nano|small|base] [--seed N] [--threads N]"
                 " [--consolidate STEPS]\n");
    return 2;
  }
  const absl::Status status = mixmatch::Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "learner_digits: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
