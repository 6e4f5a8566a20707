// Scores and their means.
#include "clients/cli/eval_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/format.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {

QueryScore ScoreOf(const std::vector<bool>& relevant, uint32_t k, uint64_t stored_count) {
  QueryScore score;
  const auto found = static_cast<double>(std::count(relevant.begin(), relevant.end(), true));
  const auto first = std::find(relevant.begin(), relevant.end(), true);
  if (first == relevant.end()) return score;
  score.p_at_1 = first == relevant.begin() ? 1 : 0;
  score.p_at_k = found / static_cast<double>(k);
  score.mrr = 1.0 / static_cast<double>(first - relevant.begin() + 1);
  if (stored_count > 0) score.recall_at_k = found / static_cast<double>(stored_count);
  return score;
}

void EvalReport::Add(std::vector<std::string> query, const std::string& want,
                     const QueryScore& score) {
  std::sort(query.begin(), query.end());
  const size_t size = query.size();
  Sums& sums = pairs_[Pair(size, std::move(query), want)];
  ++sums.count;
  sums.sum.p_at_1 += score.p_at_1;
  sums.sum.p_at_k += score.p_at_k;
  sums.sum.mrr += score.mrr;
  sums.sum.recall_at_k += score.recall_at_k;
}

QueryScore EvalReport::Mean(const Sums& sums) {
  const auto count = static_cast<double>(sums.count);
  return {sums.sum.p_at_1 / count, sums.sum.p_at_k / count, sums.sum.mrr / count,
          sums.sum.recall_at_k / count};
}

std::string EvalReport::Json(uint32_t k) const {
  nlohmann::ordered_json pairs = nlohmann::ordered_json::array();
  for (const auto& [pair, sums] : pairs_) {
    const QueryScore mean = Mean(sums);
    pairs.push_back({{"query", std::get<1>(pair)},
                     {"want", std::get<2>(pair)},
                     {"count", sums.count},
                     {"p_at_1", mean.p_at_1},
                     {"p_at_k", mean.p_at_k},
                     {"mrr", mean.mrr},
                     {"recall_at_k", mean.recall_at_k}});
  }
  return nlohmann::ordered_json{{"k", k}, {"pairs", std::move(pairs)}}.dump();
}

void EvalReport::PrintTable(uint32_t k, std::ostream& out) const {
  Table table({{"query"},
               {"wanted"},
               {"count", Table::Align::kRight},
               {"P@1", Table::Align::kRight},
               {absl::StrCat("P@", k), Table::Align::kRight},
               {"MRR", Table::Align::kRight},
               {absl::StrCat("recall@", k), Table::Align::kRight}});
  for (const auto& [pair, sums] : pairs_) {
    const QueryScore mean = Mean(sums);
    table.AddRow({absl::StrJoin(std::get<1>(pair), "+"), std::get<2>(pair), CountText(sums.count),
                  NumberText(mean.p_at_1, 3), NumberText(mean.p_at_k, 3), NumberText(mean.mrr, 3),
                  NumberText(mean.recall_at_k, 4)});
  }
  table.Print(out);
}

}  // namespace mixmatch::cli
