// Skills in closed form: linear maps from features to outputs, out of the sums of what was taught.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/moments.h"

namespace mixmatch {

// scores [L] = weights [L, D] x [D] + bias [L].
// Thread-safety: Immutable once made; safe to share.
struct LinearMap {
  size_t dimension = 0;
  std::vector<int> outputs;  // [L], rising: which output each score is of
  std::vector<float> weights;
  std::vector<float> bias;

  // x [D]; scores [L].
  void Apply(std::span<const float> x, std::span<float> scores) const;
};

// Ridge regression of every output on the features, with an intercept. `ridge`: what is added to
// the variance of every direction, in mean variances; more than 0. An example that has not an
// output counts as 0 of it. FAILED_PRECONDITION while there is no example or no output; INTERNAL
// where the sums are damaged (no number, or no sums of squares).
absl::StatusOr<LinearMap> SolveRidge(const Moments& moments, const Responses& responses,
                                     double ridge);

// Linear discriminant analysis: scores are logarithms of the labels' probabilities, but for a
// number that they share, if the examples of a label are normal with one covariance for all.
// Requires examples of one label each, all of `moments`; `ridge` as above, added to what varies
// within the labels too. The labels' means span a space of few directions, in which within and
// between are told apart (Hastie, Tibshirani, Buja, "Flexible discriminant analysis by optimal
// scoring", 1994): so the covariance of everything is the only large matrix, and skills share it.
absl::StatusOr<LinearMap> SolveDiscriminant(const Moments& moments, const Responses& responses,
                                            double ridge);

// What ridge regression would say of each of these examples x [n, D] had it not been taught it:
// scores [n, L], in the order of the outputs. y [n, L] is what it was taught. Exact (the classical
// identity of leave-one-out residuals and leverages) but for the ridge, which stays what it is with
// the example. Errors as SolveRidge().
absl::StatusOr<std::vector<float>> LeaveOneOutRidge(const Moments& moments,
                                                    const Responses& responses, double ridge,
                                                    std::span<const float> x,
                                                    std::span<const float> y);

// The same of examples that are all there are, by their products with each other: for fewer
// examples than dimensions. x [n, D], y [n, outputs]; scores [n, outputs]. FAILED_PRECONDITION
// without an example; INTERNAL for numbers that are not finite.
absl::StatusOr<std::vector<float>> LeaveOneOutKernel(std::span<const float> x, size_t dimension,
                                                     std::span<const float> y, size_t outputs,
                                                     double ridge);

}  // namespace mixmatch
