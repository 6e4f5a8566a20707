// Per term: gather rows and columns, one matrix of similarities, softmax with holes, two products
// back.
#include "core/learning/contrast.h"

#include <algorithm>
#include <cmath>

#include "core/encoder/small_gemm.h"

namespace mixmatch {
namespace {

constexpr size_t kRareColumns = 4;     // columns for each row, from which on rows are rare
constexpr float kLookalike = 0.7F;     // cosine of two columns, from which on they look alike
constexpr size_t kLookalikeShare = 6;  // at most one column in so many is spared

MM_SIMD_CLONES void Product(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_row,
                            int64_t a_column, const float* b, float* c) {
  SmallGemm(m, n, k, {a, a_row, a_column}, b, n, c, n);
}

bool IsNegative(const ContrastTerm& term, const Neutrality& neutral, size_t row, size_t column) {
  return static_cast<int>(column) != term.partner[row] &&
         term.rows[row].episode != term.columns[column].episode &&
         !neutral(term.rows[row].episode, term.columns[column].episode);
}

// [rows, columns], 1 where the column is told from the row's partner.
std::vector<uint8_t> Negatives(const ContrastTerm& term, const Neutrality& neutral) {
  const size_t columns = term.columns.size();
  std::vector<uint8_t> negative(term.rows.size() * columns);
  for (size_t r = 0; r < term.rows.size(); ++r) {
    for (size_t c = 0; c < columns; ++c) {
      negative[r * columns + c] = IsNegative(term, neutral, r, c) ? 1 : 0;
    }
  }
  return negative;
}

bool Any(std::span<const uint8_t> flags) {
  return std::any_of(flags.begin(), flags.end(), [](uint8_t flag) { return flag != 0; });
}

uint64_t Learnable(const ContrastTerm& term, const Neutrality& neutral) {
  const std::vector<uint8_t> negative = Negatives(term, neutral);
  const size_t columns = term.columns.size();
  uint64_t count = 0;
  for (size_t r = 0; r < term.rows.size(); ++r) {
    count += Any(std::span(negative).subspan(r * columns, columns)) ? 1 : 0;
  }
  return count;
}

// Copies of embeddings, as a matrix [items, E], or transposed [E, items].
std::vector<float> Gather(std::span<const float> embeddings, size_t width,
                          const std::vector<ContrastTerm::Item>& items, bool transposed) {
  std::vector<float> matrix(items.size() * width);
  for (size_t i = 0; i < items.size(); ++i) {
    const float* from = embeddings.data() + static_cast<size_t>(items[i].sequence) * width;
    for (size_t e = 0; e < width; ++e) {
      matrix[transposed ? e * items.size() + i : i * width + e] = from[e];
    }
  }
  return matrix;
}

void Scatter(const std::vector<float>& matrix, size_t width,
             const std::vector<ContrastTerm::Item>& items, std::span<float> gradient) {
  for (size_t i = 0; i < items.size(); ++i) {
    float* to = gradient.data() + static_cast<size_t>(items[i].sequence) * width;
    for (size_t e = 0; e < width; ++e) to[e] += matrix[i * width + e];
  }
}

// Where rows are rare among the columns, takes back negatives that look like the row's partner: few
// rows say little about what is another thing, and the many columns know it already.
void SpareLookalikes(const ContrastTerm& term, size_t width, const std::vector<float>& b,
                     const std::vector<float>& b_transposed, std::vector<uint8_t>& negative) {
  const size_t columns = term.columns.size();
  if (term.rows.size() * kRareColumns > columns) return;
  std::vector<float> near(columns);  // to the partner, cosine
  std::vector<size_t> order(columns);
  for (size_t r = 0; r < term.rows.size(); ++r) {
    const auto partner = static_cast<size_t>(term.partner[r]);
    Product(1, static_cast<int64_t>(columns), static_cast<int64_t>(width),
            b.data() + partner * width, static_cast<int64_t>(width), 1, b_transposed.data(),
            near.data());
    uint8_t* told = negative.data() + r * columns;
    order.clear();
    for (size_t c = 0; c < columns; ++c) {
      if (c != partner && near[c] > kLookalike) order.push_back(c);
    }
    std::sort(order.begin(), order.end(),
              [&](size_t x, size_t y) { return near[x] != near[y] ? near[x] > near[y] : x < y; });
    order.resize(std::min(order.size(), columns / kLookalikeShare));
    for (const size_t c : order) told[c] = 0;
  }
}

// Replaces the logits of a row by the loss's gradient in them, times `weight`; returns its loss.
double SoftmaxRow(size_t partner, std::span<const uint8_t> negative, float weight, float* logits) {
  const float own = logits[partner];
  float top = own;
  for (size_t c = 0; c < negative.size(); ++c) {
    if (negative[c] != 0) top = std::max(top, logits[c]);
  }
  double sum = 0;
  for (size_t c = 0; c < negative.size(); ++c) {
    const bool counts = c == partner || negative[c] != 0;
    logits[c] = counts ? std::exp(logits[c] - top) : 0.0F;
    sum += logits[c];
  }
  const auto factor = static_cast<float>(weight / sum);
  for (size_t c = 0; c < negative.size(); ++c) logits[c] *= factor;
  logits[partner] -= weight;
  return std::log(sum) + top - own;
}

double TermLoss(std::span<const float> embeddings, size_t width, const ContrastTerm& term,
                const Neutrality& neutral, float scale, float weight, std::span<float> gradient) {
  const size_t rows = term.rows.size();
  const size_t columns = term.columns.size();
  const auto m = static_cast<int64_t>(rows);
  const auto n = static_cast<int64_t>(columns);
  const auto e = static_cast<int64_t>(width);
  const std::vector<float> a = Gather(embeddings, width, term.rows, false);               // [m, E]
  const std::vector<float> b = Gather(embeddings, width, term.columns, false);            // [n, E]
  const std::vector<float> b_transposed = Gather(embeddings, width, term.columns, true);  // [E, n]
  std::vector<float> logits(rows * columns);
  Product(m, n, e, a.data(), e, 1, b_transposed.data(), logits.data());
  std::vector<uint8_t> negative = Negatives(term, neutral);
  SpareLookalikes(term, width, b, b_transposed, negative);
  double loss = 0;
  for (size_t r = 0; r < rows; ++r) {
    float* row = logits.data() + r * columns;
    const auto told = std::span(negative).subspan(r * columns, columns);
    if (!Any(told)) {
      std::fill_n(row, columns, 0.0F);
      continue;
    }
    for (size_t c = 0; c < columns; ++c) row[c] *= scale;
    loss += SoftmaxRow(static_cast<size_t>(term.partner[r]), told, weight * scale, row);
  }
  if (gradient.empty()) return loss;

  std::vector<float> grad(std::max(rows, columns) * width);
  Product(m, e, n, logits.data(), n, 1, b.data(), grad.data());
  Scatter(grad, width, term.rows, gradient);
  Product(n, e, m, logits.data(), 1, n, a.data(), grad.data());
  Scatter(grad, width, term.columns, gradient);
  return loss;
}

}  // namespace

void AddPairLoss(std::vector<PairLoss>& pairs, const PairLoss& added) {
  const auto known = std::find_if(pairs.begin(), pairs.end(),
                                  [&](const PairLoss& pair) { return pair.pair == added.pair; });
  if (known == pairs.end()) {
    pairs.push_back(added);
    return;
  }
  known->positives += added.positives;
  known->loss += (added.loss - known->loss) * static_cast<double>(added.positives) /
                 static_cast<double>(known->positives);
}

uint64_t CountPositives(std::span<const ContrastTerm> terms, const Neutrality& neutral) {
  uint64_t count = 0;
  for (const ContrastTerm& term : terms) count += Learnable(term, neutral);
  return count;
}

ContrastResult Contrast(std::span<const float> embeddings, int embedding,
                        std::span<const ContrastTerm> terms, const Neutrality& neutral, float scale,
                        std::span<float> gradient) {
  double weights = 0;
  for (const ContrastTerm& term : terms) {
    if (Learnable(term, neutral) != 0) weights += term.weight;
  }
  ContrastResult result;
  for (const ContrastTerm& term : terms) {
    const uint64_t rows = Learnable(term, neutral);
    if (rows == 0) continue;
    const double share = term.weight / weights;
    const double row_weight = share / static_cast<double>(rows);
    const double loss = TermLoss(embeddings, static_cast<size_t>(embedding), term, neutral, scale,
                                 static_cast<float>(row_weight), gradient);
    result.loss += row_weight * loss;
    result.positives += rows;
    AddPairLoss(result.pairs,
                {.pair = term.label, .loss = loss / static_cast<double>(rows), .positives = rows});
  }
  return result;
}

}  // namespace mixmatch
