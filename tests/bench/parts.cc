// mixmatch_bench_parts [--benchmark_filter=REGEX] [--benchmark_out=FILE …]
//
// Kernels and exact search beside FAISS' own, the event log beside RocksDB alone: Google
// Benchmark's table, then the ratios of ours to each. TMPDIR chooses the disk.
#include "tests/bench/parts.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mixmatch {
namespace {

// Google Benchmark's table, and what it says of each name.
class Ratios : public benchmark::ConsoleReporter {
 public:
  // Without colours, which a pipe would show as characters.
  Ratios() : benchmark::ConsoleReporter(OO_None) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      const std::string name = run.run_name.function_name;
      const size_t slash = name.rfind('/');
      seconds_[name.substr(0, slash)][name.substr(slash + 1)] =
          run.real_accumulated_time / static_cast<double>(run.iterations);
    }
    benchmark::ConsoleReporter::ReportRuns(runs);
  }

  void Print() const {
    for (const auto& [what, variants] : seconds_) {
      const auto ours = variants.find("ours");
      if (ours == variants.end()) continue;
      for (const auto& [variant, seconds] : variants) {
        if (variant == "ours") continue;
        std::printf("%-24s ours takes %.2f times the time of %s\n", what.c_str(),
                    ours->second / seconds, variant.c_str());
      }
    }
  }

 private:
  std::map<std::string, std::map<std::string, double>> seconds_;  // what → variant → a turn's
};

}  // namespace
}  // namespace mixmatch

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::string dir = (std::filesystem::temp_directory_path() / "mixmatch-parts-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) {
    std::perror("mixmatch_bench_parts");
    return 1;
  }
  mixmatch::RegisterKernels();
  mixmatch::RegisterLog(dir);
  mixmatch::Ratios ratios;
  benchmark::RunSpecifiedBenchmarks(&ratios);
  ratios.Print();
  benchmark::Shutdown();
  std::filesystem::remove_all(dir);
  return 0;
}
