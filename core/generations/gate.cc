// Same probes, two encoders, one comparison.
#include "core/generations/gate.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

absl::StatusOr<std::vector<EpisodeId>> ChooseProbes(const GateConfig& config,
                                                    const TrainingSource& source) {
  constexpr uint64_t kPage = 65536;
  std::vector<EpisodeId> probes;
  std::vector<ClosedEpisode> page;
  const uint64_t closed = source.closed_count();
  for (uint64_t first = 0; first < closed; first += kPage) {
    page.clear();
    MM_RETURN_IF_ERROR(source.ListClosed(first, kPage, page));
    for (const ClosedEpisode& episode : page) {
      if (episode.probe) probes.push_back(episode.id);
    }
  }
  if (probes.size() <= config.probes_max) return probes;
  std::vector<EpisodeId> spread;
  for (size_t i = 0; i < config.probes_max; ++i) {
    spread.push_back(probes[i * probes.size() / config.probes_max]);
  }
  return spread;
}

}  // namespace

absl::StatusOr<Verdict> Judge(const GateConfig& config, const TrainingSource& source,
                              const ProbeLoss& loss, const Encoder& candidate,
                              const Encoder& serving) {
  MM_ASSIGN_OR_RETURN(const std::vector<EpisodeId> ids, ChooseProbes(config, source));
  std::vector<TrainingEpisode> probes;
  MM_RETURN_IF_ERROR(source.Load(ids, probes));
  const absl::StatusOr<double> serving_loss = loss(serving, probes);
  if (absl::IsNotFound(serving_loss.status())) {
    return Verdict{.publish = true,
                   .reason = absl::StrCat("published: none of ", probes.size(),
                                          " probes has a pair to judge yet"),
                   .scores = {}};
  }
  MM_RETURN_IF_ERROR(serving_loss.status());
  MM_ASSIGN_OR_RETURN(const double candidate_loss, loss(candidate, probes));
  Verdict verdict;
  verdict.publish = candidate_loss <= *serving_loss;
  verdict.reason = absl::StrFormat(
      "%s: contrastive loss %.4f on %d probes, %.4f for the serving generation",
      verdict.publish ? "published" : "refused", candidate_loss, probes.size(), *serving_loss);
  verdict.scores.push_back({.measure = "contrastive loss",
                            .candidate = candidate_loss,
                            .serving = *serving_loss,
                            .probe_count = probes.size()});
  return verdict;
}

}  // namespace mixmatch
