// skills_mnist FOLDER [--train N] [--filters K] [--grid G] [--window W] [--threshold T]
//     [--whitening V] [--root 0|1] [--ridge R] [--seed N] [--test]
//
// What a skill over patch features reaches on MNIST, every picture taught once: accuracy on the
// last 5,000 of the training part (to tune on), or with --test on the test part. FOLDER holds the
// data set's four usual files, unpacked. One line with the figures.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/encoder/blas.h"
#include "core/skills/patch_features.h"
#include "core/skills/solve.h"

namespace mixmatch {
namespace {

constexpr size_t kPx = 28;
constexpr size_t kValidation = 5000;

struct Arguments {
  std::string folder;
  size_t train = 0;  // 0: all
  bool test = false;
  double ridge = 1e-3;
  uint64_t seed = 1;
  PatchSettings patches;
};

struct Part {
  std::vector<uint8_t> pictures;  // [n, 28, 28]
  std::vector<uint8_t> labels;    // [n]
};

absl::StatusOr<std::vector<uint8_t>> ReadBytes(const std::string& path, size_t header) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(path + ": cannot be read; unpack the data set there");
  std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  if (bytes.size() < header) return absl::DataLossError(path + ": too short");
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  return bytes;
}

absl::StatusOr<Part> ReadPart(const std::string& folder, const std::string& name) {
  Part part;
  MM_ASSIGN_OR_RETURN(part.pictures, ReadBytes(folder + "/" + name + "-images-idx3-ubyte", 16));
  MM_ASSIGN_OR_RETURN(part.labels, ReadBytes(folder + "/" + name + "-labels-idx1-ubyte", 8));
  return part;
}

double Seconds() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

absl::Status Run(const Arguments& arguments) {
  MM_ASSIGN_OR_RETURN(Part train, ReadPart(arguments.folder, "train"));
  Part asked;
  if (arguments.test) {
    MM_ASSIGN_OR_RETURN(asked, ReadPart(arguments.folder, "t10k"));
  } else {
    const size_t kept = train.labels.size() - kValidation;
    asked.labels.assign(train.labels.begin() + static_cast<std::ptrdiff_t>(kept),
                        train.labels.end());
    asked.pictures.assign(train.pictures.begin() + static_cast<std::ptrdiff_t>(kept * kPx * kPx),
                          train.pictures.end());
    train.labels.resize(kept);
  }
  if (arguments.train > 0) train.labels.resize(std::min(train.labels.size(), arguments.train));
  const size_t count = train.labels.size();
  // A sample of what came first, as a stream has it.
  const auto sample = std::span(train.pictures).first(std::min<size_t>(count, 2000) * kPx * kPx);
  MM_ASSIGN_OR_RETURN(const PatchFeatures features,
                      PatchFeatures::Make(sample, {kPx, kPx}, arguments.seed, arguments.patches));
  const size_t d = features.dimension();

  const double start = Seconds();
  Moments moments(d);
  Responses responses(d);
  constexpr size_t kChunk = 256;
  std::vector<float> x(kChunk * d);
  for (size_t first = 0; first < count; first += kChunk) {
    const size_t n = std::min(kChunk, count - first);
    for (size_t i = 0; i < n; ++i) {
      const auto out = std::span(x).subspan(i * d, d);
      features.Map(std::span(train.pictures).subspan((first + i) * kPx * kPx, kPx * kPx), out);
      responses.Add(train.labels[first + i], out, 1);
    }
    moments.Add(std::span(x).first(n * d));
    if (first / kChunk % 40 == 0) {
      std::fprintf(stderr, "\r%zu of %zu taught, %.0f/s ", first + n, count,
                   static_cast<double>(first + n) / (Seconds() - start));
    }
  }
  const double taught = Seconds();
  for (const double ridge : {arguments.ridge, arguments.ridge / 10, arguments.ridge / 100}) {
    const double begin = Seconds();
    MM_ASSIGN_OR_RETURN(const LinearMap map, SolveDiscriminant(moments, responses, ridge));
    const double solved = Seconds();
    MM_ASSIGN_OR_RETURN(const LinearMap regression, SolveRidge(moments, responses, ridge));
    std::vector<float> scores(map.outputs.size());
    size_t right = 0;
    size_t right_by_ridge = 0;
    const auto best = [&](const LinearMap& by) {
      by.Apply(std::span(x).first(d), scores);
      return by.outputs[static_cast<size_t>(std::max_element(scores.begin(), scores.end()) -
                                            scores.begin())];
    };
    for (size_t i = 0; i < asked.labels.size(); ++i) {
      features.Map(std::span(asked.pictures).subspan(i * kPx * kPx, kPx * kPx),
                   std::span(x).first(d));
      right += best(map) == asked.labels[i];
      right_by_ridge += best(regression) == asked.labels[i];
    }
    std::printf(
        "D %zu, window %zu, grid %zu, threshold %.2f, whitening %.3f, ridge %.5f: accuracy %.4f "
        "(regression %.4f) of %zu; teaching %.0f/s, solving %.1f s, asking %.0f/s\n",
        d, arguments.patches.window.height, arguments.patches.grid.height,
        arguments.patches.threshold, arguments.patches.whitening, ridge,
        static_cast<double>(right) / static_cast<double>(asked.labels.size()),
        static_cast<double>(right_by_ridge) / static_cast<double>(asked.labels.size()),
        asked.labels.size(), static_cast<double>(count) / (taught - start), solved - begin,
        static_cast<double>(asked.labels.size()) / (Seconds() - solved));
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace mixmatch

int main(int argc, char** argv) {
  mixmatch::RestartForFastBlas(argv);
  mixmatch::Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "0";
    if (name == "--test") {
      arguments.test = true;
      continue;
    }
    if (name[0] != '-') {
      arguments.folder = name;
      continue;
    }
    ++i;
    if (name == "--train") arguments.train = static_cast<size_t>(std::atoll(value));
    if (name == "--filters") arguments.patches.filters = static_cast<size_t>(std::atoll(value));
    if (name == "--grid") {
      arguments.patches.grid = {static_cast<size_t>(std::atoll(value)),
                                static_cast<size_t>(std::atoll(value))};
    }
    if (name == "--window") {
      arguments.patches.window = {static_cast<size_t>(std::atoll(value)),
                                  static_cast<size_t>(std::atoll(value))};
    }
    if (name == "--threshold") arguments.patches.threshold = std::atof(value);
    if (name == "--whitening") arguments.patches.whitening = std::atof(value);
    if (name == "--root") arguments.patches.root = std::atoi(value) != 0;
    if (name == "--ridge") arguments.ridge = std::atof(value);
    if (name == "--seed") arguments.seed = static_cast<uint64_t>(std::atoll(value));
  }
  const absl::Status status = mixmatch::Run(arguments);
  if (!status.ok()) std::fprintf(stderr, "skills_mnist: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
