// Mirrors core/encoder: stem_image.cc, stem_audio.cc, stem_text.cc, model.cc.
#include "tests/bench/step_operations.h"

#include <cmath>
#include <vector>

#include "core/senses/audio_front_end.h"

namespace mixmatch {
namespace {

struct Work {
  double operations = 0;
  double tokens = 0;
};

double Product(double m, double n, double k) { return 2 * m * n * k; }

double HalfUp(double n) { return std::floor((n + 1) / 2); }

Work StemWork(double width, const Features& features) {
  switch (features.kind) {
    case PayloadKind::kImage:
      return {Product(16 * 16, width / 4, 25.0 * features.shape[0]) +
                  Product(8 * 8, width / 2, 9 * width / 4) + Product(4 * 4, width, 9 * width / 2),
              16};
    case PayloadKind::kAudio: {
      const double half = HalfUp(features.shape[0]);
      const double tokens = HalfUp(half);
      const double channels = width / 8;
      return {Product(half * kMelBins / 2, channels, 25) +
                  Product(tokens * kMelBins / 4, 2 * channels, 9 * channels) +
                  Product(tokens, width, 2 * channels * kMelBins / 4),
              tokens};
    }
    case PayloadKind::kText: {
      double words = 0;
      const auto numbers = features.Values<uint32_t>();
      for (size_t at = 0; at < numbers.size(); at += numbers[at] + size_t{1}) ++words;
      return {Product(words, width, 64), words};
    }
    default:
      return {};  // not in this bench's episodes
  }
}

double TrunkOperations(const ModelConfig& config, double tokens) {
  const double width = config.width;
  const double layer = Product(tokens, 3 * width, width) + Product(tokens, width, width) +
                       2 * Product(tokens, 4 * width, width) + 2 * Product(tokens, tokens, width);
  return config.layers * layer + Product(1, config.embedding, width);
}

}  // namespace

double StepOperations(const ModelConfig& config, const BatchPlan& plan) {
  double forward = 0;
  std::vector<double> tokens;
  for (const MixturePercept& percept : plan.percepts) {
    const Work work = StemWork(config.width, *percept.features);
    forward += work.operations;
    tokens.push_back(work.tokens);
  }
  for (const auto& sequence : plan.sequences) {
    double length = 0;
    for (const int percept : sequence) length += tokens[static_cast<size_t>(percept)];
    forward += TrunkOperations(config, length);
  }
  for (const ContrastTerm& term : plan.terms) {
    forward += Product(static_cast<double>(term.rows.size()),
                       static_cast<double>(term.columns.size()), config.embedding);
  }
  return 3 * forward;
}

}  // namespace mixmatch
