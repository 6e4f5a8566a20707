// The figures of an evaluation: how well each kind of query found what is relevant.
//
// Takes, per query, which of its results are relevant; gives means per pair (modalities of the
// query → wanted modality) as JSON and as a table. It asks nobody.
//
//   P@1       share of the queries whose first result is relevant
//   P@k       mean share of relevant ones among the k results asked for
//   MRR       mean of 1 / rank of the first relevant result; 0 when there is none among the k
//   recall@k  mean of relevant results / relevant percepts stored; 0 when none is stored
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

namespace mixmatch::cli {

struct QueryScore {
  double p_at_1 = 0;
  double p_at_k = 0;
  double mrr = 0;
  double recall_at_k = 0;
};

// `relevant[i]` says whether result i is; at most k results. `stored_count`: relevant percepts of
// the wanted modality in the memory.
QueryScore ScoreOf(const std::vector<bool>& relevant, uint32_t k, uint64_t stored_count);

// Thread-safety: Not thread-safe: one owner thread.
class EvalReport {
 public:
  // `query` are the modalities of the query's percepts, in any order.
  void Add(std::vector<std::string> query, const std::string& want, const QueryScore& score);

  // {"k":10,"pairs":[{"query":["audio"],"want":"image","count":300,"p_at_1":…,"p_at_k":…,"mrr":…,
  // "recall_at_k":…}]}: fewest modalities first, then by name.
  std::string Json(uint32_t k) const;
  void PrintTable(uint32_t k, std::ostream& out) const;

  bool empty() const { return pairs_.empty(); }

 private:
  struct Sums {
    uint64_t count = 0;
    QueryScore sum;
  };
  // (number of modalities, sorted modalities, wanted)
  using Pair = std::tuple<size_t, std::vector<std::string>, std::string>;

  static QueryScore Mean(const Sums& sums);

  std::map<Pair, Sums> pairs_;
};

}  // namespace mixmatch::cli
