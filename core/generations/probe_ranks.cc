// Choice, plan, ranks; every random draw is seeded by the probe that it is for.
#include "core/generations/probe_ranks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/learning/augment.h"
#include "core/learning/random.h"

namespace mixmatch {
namespace {

constexpr uint64_t kStrataPeriods = 16;
constexpr size_t kOthersMin = 4;
constexpr size_t kEmbedBatch = 256;

// The percepts of one modality over all probes.
struct Pool {
  std::vector<size_t> items;
  std::vector<ContentHash> contents;
  std::vector<size_t> probes;
};

class Planner {
 public:
  Planner(std::span<const TrainingEpisode> probes, size_t others)
      : probes_(probes), others_(others) {}

  ProbePlan Plan() {
    for (size_t p = 0; p < probes_.size(); ++p) Collect(p);
    for (size_t p = 0; p < probes_.size(); ++p) {
      for (const auto& [from, item] : firsts_[p]) {
        for (const auto& [to, partner] : firsts_[p]) {
          if (from != to) Ask(p, from, item, to, partner);
        }
      }
      if (second_[p]) {
        const auto& [modality, item] = *firsts_[p].begin();
        Ask(p, modality, item, modality, *second_[p]);
      }
    }
    return std::move(plan_);
  }

 private:
  size_t AddItem(size_t probe, const ModalitySpec& modality, const Features& features) {
    plan_.items.push_back({&modality, &features});
    Pool& pool = pools_[modality.name];
    pool.items.push_back(plan_.items.size() - 1);
    pool.contents.push_back(features.content);
    pool.probes.push_back(probe);
    return plan_.items.size() - 1;
  }

  void Collect(size_t p) {
    auto& firsts = firsts_.emplace_back();
    second_.emplace_back();
    const TrainingPercept* other = nullptr;  // a second one of the only modality
    for (const TrainingPercept& percept : probes_[p].percepts) {
      if (!firsts.contains(percept.modality.name)) {
        firsts[percept.modality.name] = AddItem(p, percept.modality, percept.features);
      } else if (other == nullptr) {
        other = &percept;
      }
    }
    if (firsts.size() != 1) return;
    if (other != nullptr) {
      second_[p] = AddItem(p, other->modality, other->features);
      return;
    }
    const TrainingPercept& only = probes_[p].percepts.front();
    Random random(StableMix64(only.features.content.high, only.features.content.low));
    plan_.views.push_back(AugmentForView(only.features, random));
    second_[p] = AddItem(p, only.modality, plan_.views.back());
  }

  void Ask(size_t p, const std::string& from, size_t item, const std::string& to, size_t partner) {
    const std::string name = absl::StrCat(from, " -> ", to);
    const auto [it, fresh] = pairs_.try_emplace(name, plan_.pairs.size());
    if (fresh) plan_.pairs.push_back(name);
    ProbeQuestion question{.probe = p, .pair = it->second, .item = item, .partner = partner};
    const Pool& pool = pools_[to];
    const ContentHash content = plan_.items[partner].features->content;
    std::vector<size_t> able;
    for (size_t i = 0; i < pool.items.size(); ++i) {
      if (pool.probes[i] != p && pool.contents[i] != content) able.push_back(pool.items[i]);
    }
    if (able.size() < kOthersMin) return;
    Random random(StableMix64(probes_[p].id, StableHash64(name, 0)));
    const size_t count = std::min(others_, able.size());
    for (size_t i = 0; i < count; ++i) {
      std::swap(able[i], able[i + random.Below(able.size() - i)]);
    }
    able.resize(count);
    question.others = std::move(able);
    plan_.questions.push_back(std::move(question));
  }

  const std::span<const TrainingEpisode> probes_;
  const size_t others_;
  ProbePlan plan_;
  std::map<std::string, Pool> pools_;
  std::map<std::string, size_t> pairs_;
  std::vector<std::map<std::string, size_t>> firsts_;  // per probe: modality -> item
  std::vector<std::optional<size_t>> second_;          // per probe of one modality
};

}  // namespace

std::vector<Probe> ChooseProbes(std::span<const Probe> held_out, size_t count) {
  std::vector<Probe> chosen(held_out.begin(), held_out.end());
  if (chosen.size() <= count) return chosen;
  const uint64_t first = held_out.front().ordinal;
  const uint64_t span = held_out.back().ordinal - first + 1;
  std::map<std::pair<uint64_t, uint64_t>, std::vector<Probe>> strata;
  for (const Probe& probe : held_out) {
    const uint64_t period = (probe.ordinal - first) * kStrataPeriods / span;
    strata[{period, probe.modalities}].push_back(probe);
  }
  for (auto& [key, stratum] : strata) {
    std::stable_sort(stratum.begin(), stratum.end(), [](const Probe& a, const Probe& b) {
      return StableMix64(a.id, 0) < StableMix64(b.id, 0);
    });
  }
  chosen.clear();
  for (size_t round = 0; chosen.size() < count; ++round) {
    for (const auto& [key, stratum] : strata) {
      if (round < stratum.size() && chosen.size() < count) chosen.push_back(stratum[round]);
    }
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const Probe& a, const Probe& b) { return a.ordinal < b.ordinal; });
  return chosen;
}

ProbePlan PlanProbes(std::span<const TrainingEpisode> probes, size_t others) {
  return Planner(probes, others).Plan();
}

absl::StatusOr<PartnerRanks> RankPartners(const ProbePlan& plan, const Encoder& encoder) {
  const auto width = static_cast<size_t>(encoder.config().embedding);
  std::vector<float> embeddings(plan.items.size() * width);
  std::vector<Mixture> batch;
  for (size_t first = 0; first < plan.items.size(); first += kEmbedBatch) {
    const size_t count = std::min(kEmbedBatch, plan.items.size() - first);
    batch.clear();
    for (size_t i = first; i < first + count; ++i) batch.push_back({plan.items[i]});
    MM_RETURN_IF_ERROR(
        encoder.Embed(batch, std::span(embeddings).subspan(first * width, count * width)));
  }
  const auto similarity = [&](size_t a, size_t b) {
    float sum = 0;
    for (size_t e = 0; e < width; ++e) sum += embeddings[a * width + e] * embeddings[b * width + e];
    return sum;
  };
  PartnerRanks result;
  result.ranks.reserve(plan.questions.size());
  result.distances.reserve(plan.questions.size());
  for (const ProbeQuestion& question : plan.questions) {
    const float partner = similarity(question.item, question.partner);
    float beaten = 0;
    for (const size_t other : question.others) {
      const float rival = similarity(question.item, other);
      beaten += rival < partner ? 1.0F : rival == partner ? 0.5F : 0.0F;
    }
    result.ranks.push_back(beaten / static_cast<float>(question.others.size()));
    result.distances.push_back(1 - partner);
  }
  return result;
}

std::vector<PartnerDistance> MeanDistances(const ProbePlan& plan,
                                           std::span<const float> distances) {
  std::map<std::pair<std::string, std::string>, PartnerDistance> pairs;
  for (size_t q = 0; q < plan.questions.size(); ++q) {
    const std::string& from = plan.items[plan.questions[q].item].modality->name;
    const std::string& to = plan.items[plan.questions[q].partner].modality->name;
    if (from == to) continue;
    PartnerDistance& pair = pairs[{from, to}];
    pair.mean += distances[q];
    ++pair.probe_count;
  }
  std::vector<PartnerDistance> means;
  for (auto& [names, pair] : pairs) {
    pair.from = names.first;
    pair.to = names.second;
    pair.mean /= static_cast<double>(pair.probe_count);
    means.push_back(std::move(pair));
  }
  return means;
}

}  // namespace mixmatch
