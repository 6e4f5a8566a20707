// Sums over taught examples, from which skills are solved in closed form.
//
// They do not depend on the order of the examples, two of them add up to one, and what was added
// can be taken away again: the sums are fp64, so that what stays behind is rounding alone.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

namespace mixmatch {

// Count, sum and second moments of examples [D], whatever they are examples of: shared by all that
// is taught over one feature map.
// Thread-safety: Not thread-safe: one owner thread.
class Moments {
 public:
  explicit Moments(size_t dimension);

  // x [n, D].
  void Add(std::span<const float> x) { Accumulate(x, 1); }
  void Remove(std::span<const float> x) { Accumulate(x, -1); }
  // Of the same dimension.
  void Merge(const Moments& other);

  size_t dimension() const { return dimension_; }
  double count() const { return count_; }
  std::span<const double> sum() const { return sum_; }    // [D]
  std::span<const double> gram() const { return gram_; }  // [D, D], the upper triangle

  // [D]; zeros while there is none.
  std::vector<double> Mean() const;
  // [D, D], the upper triangle, about the mean; and `ridge` of its mean variance on the diagonal.
  std::vector<double> Covariance(double ridge) const;

 private:
  void Accumulate(std::span<const float> x, double factor);

  size_t dimension_;
  double count_ = 0;
  std::vector<double> sum_;
  std::vector<double> gram_;
};

// What an output (a label, a number that is to be told) has to do with the examples.
struct ResponseSums {
  double weight = 0;          // sum of y; of a label: how many examples have it
  double squares = 0;         // sum of y^2
  std::vector<double> cross;  // [D], sum of y x
};

// The outputs of one skill, by number. An example without an output counts as y = 0 of it, so new
// ones can come at any time.
// Thread-safety: Not thread-safe: one owner thread.
class Responses {
 public:
  explicit Responses(size_t dimension) : dimension_(dimension) {}

  // One example x [D] with y of this output. An output whose weight and squares are 0 is gone.
  void Add(int output, std::span<const float> x, double y) { Accumulate(output, x, y, 1); }
  void Remove(int output, std::span<const float> x, double y) { Accumulate(output, x, y, -1); }
  void Merge(const Responses& other);

  size_t dimension() const { return dimension_; }
  const std::map<int, ResponseSums>& outputs() const { return outputs_; }

 private:
  void Accumulate(int output, std::span<const float> x, double y, double factor);

  size_t dimension_;
  std::map<int, ResponseSums> outputs_;
};

}  // namespace mixmatch
