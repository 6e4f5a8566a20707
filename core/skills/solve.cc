// Everything goes by one Cholesky factor of the covariance.
#include "core/skills/solve.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/skills/linear_algebra.h"

namespace mixmatch {
namespace {

// What is added to the within-label covariance in the space of the labels, in mean variances there:
// their means sum up to one, so that it has a direction in which nothing varies.
constexpr double kWithinRidge = 1e-6;
constexpr size_t kChunk = 256;  // examples left out, or numbers multiplied, at once

double Dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The covariance's factor, and what it was made of.
struct Basis {
  std::vector<double> mean;    // [D]
  std::vector<double> factor;  // [D, D]
};

absl::StatusOr<Basis> MakeBasis(const Moments& moments, const Responses& responses, double ridge) {
  if (!(ridge > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("skill: a ridge of ", ridge, "; more than 0"));
  }
  if (moments.count() < 1 || responses.outputs().empty()) {
    return absl::FailedPreconditionError(
        "skill: nothing was taught yet; teach an example of each label");
  }
  Basis basis{.mean = moments.Mean(), .factor = moments.Covariance(ridge)};
  if (!Factorise(basis.factor, moments.dimension())) {
    return absl::InternalError(
        "skill: its sums are no sums of squares; rebuild the skill from its examples");
  }
  return basis;
}

LinearMap MapOf(const Moments& moments, const Responses& responses) {
  LinearMap map{.dimension = moments.dimension()};
  for (const auto& [output, sums] : responses.outputs()) map.outputs.push_back(output);
  map.weights.resize(map.outputs.size() * map.dimension);
  map.bias.resize(map.outputs.size());
  return map;
}

// Of each output the sum of y (x - mean), over the count of examples: [L, D].
std::vector<double> CentredCross(const Moments& moments, const Responses& responses,
                                 std::span<const double> mean) {
  std::vector<double> rows;
  for (const auto& [output, sums] : responses.outputs()) {
    for (size_t i = 0; i < mean.size(); ++i) {
      rows.push_back((sums.cross[i] - sums.weight * mean[i]) / moments.count());
    }
  }
  return rows;
}

LinearMap RidgeOf(const Basis& basis, const Moments& moments, const Responses& responses) {
  const size_t d = moments.dimension();
  LinearMap map = MapOf(moments, responses);
  std::vector<double> rows = CentredCross(moments, responses, basis.mean);
  SolveRows(basis.factor, d, rows);
  std::copy(rows.begin(), rows.end(), map.weights.begin());
  size_t place = 0;
  for (const auto& [output, sums] : responses.outputs()) {
    const std::span<const double> row(rows.data() + place * d, d);
    map.bias[place++] = static_cast<float>(sums.weight / moments.count() - Dot(row, basis.mean));
  }
  return map;
}

// The products of examples [n, D] with each other, less their mean: the upper triangle of [n, n].
// In doubles: what is left of an example that the others explain is far below a float's rounding,
// and a left-out answer is divided by it.
std::vector<double> CentredProducts(std::span<const float> x, size_t d) {
  const size_t n = x.size() / d;
  std::vector<double> products(n * n);
  std::vector<double> numbers;  // [numbers of an example, n]
  for (size_t first = 0; first < d; first += kChunk) {
    const size_t count = std::min(kChunk, d - first);
    numbers.resize(count * n);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < count; ++j) numbers[j * n + i] = x[i * d + first + j];
    }
    for (size_t j = 0; j < count; ++j) {
      const std::span<double> row = std::span(numbers).subspan(j * n, n);
      const double mean = std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(n);
      for (double& number : row) number -= mean;
    }
    AddGram(numbers, n, 1, products);
  }
  return products;
}

}  // namespace

void LinearMap::Apply(std::span<const float> x, std::span<float> scores) const {
  for (size_t output = 0; output < bias.size(); ++output) {
    scores[output] =
        bias[output] + Dot(std::span(weights).subspan(output * dimension, dimension), x);
  }
}

absl::StatusOr<LinearMap> SolveRidge(const Moments& moments, const Responses& responses,
                                     double ridge) {
  MM_ASSIGN_OR_RETURN(const Basis basis, MakeBasis(moments, responses, ridge));
  return RidgeOf(basis, moments, responses);
}

absl::StatusOr<LinearMap> SolveDiscriminant(const Moments& moments, const Responses& responses,
                                            double ridge) {
  MM_ASSIGN_OR_RETURN(const Basis basis, MakeBasis(moments, responses, ridge));
  const size_t d = moments.dimension();
  LinearMap map = MapOf(moments, responses);
  const size_t labels = map.outputs.size();

  std::vector<double> prior;  // [L]
  std::vector<double> away;   // [L, D]: of each label, its mean less that of everything
  for (const auto& [output, sums] : responses.outputs()) {
    prior.push_back(sums.weight / moments.count());
    for (size_t i = 0; i < d; ++i) away.push_back(sums.cross[i] / sums.weight - basis.mean[i]);
  }
  std::vector<double> directions = away;  // [L, D]: the covariance's inverse times these
  SolveRows(basis.factor, d, directions);
  // Along these directions, where each label's mean lies: [L, L], symmetric. It is what varies
  // there, too; and what varies between the labels is the sum of prior times place times place.
  std::vector<double> places(labels * labels);
  MultiplyTransposed(away, directions, d, places);
  std::vector<double> weighted(labels * labels);  // places times the root of each label's prior
  double trace = 0;
  for (size_t i = 0; i < labels; ++i) {
    for (size_t c = 0; c < labels; ++c) {
      weighted[i * labels + c] = places[i * labels + c] * std::sqrt(prior[c]);
    }
    trace += places[i * (labels + 1)];
  }
  std::vector<double> within(labels * labels);
  MultiplyTransposed(weighted, weighted, labels, within);
  for (size_t i = 0; i < within.size(); ++i) within[i] = places[i] - within[i];
  const double least = trace > 0 ? kWithinRidge * trace / static_cast<double>(labels) : 1;
  for (size_t i = 0; i < labels; ++i) within[i * (labels + 1)] += least;
  if (!Factorise(within, labels)) {
    return absl::InternalError(
        "skill: its labels vary more than everything; rebuild the skill from its examples");
  }
  std::vector<double> pull = places;  // [L, L]: the inverse of within times each label's place
  SolveRows(within, labels, pull);
  std::vector<double> rows(labels * d);
  Multiply(pull, directions, labels, rows);
  std::copy(rows.begin(), rows.end(), map.weights.begin());
  for (size_t label = 0; label < labels; ++label) {
    const std::span<const double> mine(pull.data() + label * labels, labels);
    const std::span<const double> place(places.data() + label * labels, labels);
    const std::span<const double> row(rows.data() + label * d, d);
    map.bias[label] =
        static_cast<float>(std::log(prior[label]) - Dot(mine, place) / 2 - Dot(row, basis.mean));
  }
  return map;
}

absl::StatusOr<std::vector<float>> LeaveOneOutRidge(const Moments& moments,
                                                    const Responses& responses, double ridge,
                                                    std::span<const float> x,
                                                    std::span<const float> y) {
  MM_ASSIGN_OR_RETURN(const Basis basis, MakeBasis(moments, responses, ridge));
  const LinearMap map = RidgeOf(basis, moments, responses);
  const size_t d = moments.dimension();
  const size_t outputs = map.outputs.size();
  const size_t count = x.size() / d;
  std::vector<float> scores(count * outputs);
  std::vector<double> away;
  for (size_t first = 0; first < count; first += kChunk) {
    const size_t n = std::min(kChunk, count - first);
    away.assign(x.begin() + static_cast<std::ptrdiff_t>(first * d),
                x.begin() + static_cast<std::ptrdiff_t>((first + n) * d));
    for (size_t i = 0; i < away.size(); ++i) away[i] -= basis.mean[i % d];
    std::vector<double> solved = away;
    SolveRows(basis.factor, d, solved);
    for (size_t row = 0; row < n; ++row) {
      const size_t example = first + row;
      const double leverage =
          (1 + Dot(std::span(away).subspan(row * d, d), std::span(solved).subspan(row * d, d))) /
          moments.count();
      // An example that alone says what it says has leverage 1: without it nothing is known.
      const double rest = std::max(1 - leverage, 1e-12);
      const std::span<float> mine = std::span(scores).subspan(example * outputs, outputs);
      map.Apply(x.subspan(example * d, d), mine);
      for (size_t output = 0; output < outputs; ++output) {
        const double taught = y[example * outputs + output];
        mine[output] = static_cast<float>(taught - (taught - mine[output]) / rest);
      }
    }
  }
  return scores;
}

absl::StatusOr<std::vector<float>> LeaveOneOutKernel(std::span<const float> x, size_t dimension,
                                                     std::span<const float> y, size_t outputs,
                                                     double ridge) {
  const size_t n = x.size() / dimension;
  if (n == 0) {
    return absl::FailedPreconditionError("skill: nothing was taught yet; teach an example");
  }
  const double share = 1 / static_cast<double>(n);
  std::vector<double> factor = CentredProducts(x, dimension);
  double trace = 0;
  for (size_t i = 0; i < n; ++i) trace += factor[i * (n + 1)];
  // As in Moments::Covariance(), times the count.
  const double variance = trace > 0 ? trace / static_cast<double>(dimension) : 1;
  for (size_t i = 0; i < n; ++i) factor[i * (n + 1)] += ridge * variance;
  if (!Factorise(factor, n)) {
    return absl::InternalError("skill: examples whose numbers are not finite");
  }
  // (K + r)^-1: what is fitted is y less r times this times y, and a leverage is 1 less r times its
  // diagonal; the mean has 1 / n of every leverage.
  std::vector<double> inverse(n * n);
  for (size_t i = 0; i < n; ++i) inverse[i * (n + 1)] = 1;
  SolveRows(factor, n, inverse);
  std::vector<double> about(n * outputs);  // y less its mean
  std::vector<double> means(outputs);
  for (size_t i = 0; i < y.size(); ++i) means[i % outputs] += share * y[i];
  for (size_t i = 0; i < y.size(); ++i) about[i] = y[i] - means[i % outputs];
  std::vector<double> pulled(n * outputs);
  Multiply(inverse, about, n, pulled);
  std::vector<float> scores(n * outputs);
  for (size_t i = 0; i < n; ++i) {
    const double rest = std::max(ridge * variance * inverse[i * (n + 1)] - share, 1e-12);
    for (size_t output = 0; output < outputs; ++output) {
      const size_t at = i * outputs + output;
      scores[at] = static_cast<float>(y[at] - ridge * variance * pulled[at] / rest);
    }
  }
  return scores;
}

}  // namespace mixmatch
