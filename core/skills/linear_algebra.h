// The few operations of dense linear algebra that skills are solved with, over BLAS and LAPACK, on
// as many threads as the caller's OpenMP has.
//
// Matrices are row-major; of a symmetric one the upper triangle counts. Sizes must agree; they are
// the caller's to check.
#pragma once

#include <cstddef>
#include <span>

namespace mixmatch {

// gram [d, d] += factor * x^T x, of x [n, d].
void AddGram(std::span<const double> x, size_t d, double factor, std::span<double> gram);

// Replaces the symmetric a [d, d] by its Cholesky factor. False when it is not positive definite;
// then `a` is spoiled.
bool Factorise(std::span<double> a, size_t d);

// Replaces every row of b [n, d] by A^-1 times it, `factor` being what Factorise() made of A.
void SolveRows(std::span<const double> factor, size_t d, std::span<double> b);

// c [m, n] = a [m, k] times b [k, n].
void Multiply(std::span<const double> a, std::span<const double> b, size_t k, std::span<double> c);

// c [m, n] = a [m, k] times b [n, k] transposed.
void MultiplyTransposed(std::span<const double> a, std::span<const double> b, size_t k,
                        std::span<double> c);
void MultiplyTransposed(std::span<const float> a, std::span<const float> b, size_t k,
                        std::span<float> c);

// Inner product, in several sums at once so that the compiler may use vectors.
float Dot(std::span<const float> a, std::span<const float> b);

// Brings a vector to length 1; zeros stay.
void Normalise(std::span<float> x);

}  // namespace mixmatch
