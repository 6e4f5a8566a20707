// Row-major upper triangles are column-major lower ones, and rows are columns.
#include "core/skills/linear_algebra.h"

#include <cmath>

// The Fortran interface. The last arguments are the lengths of the strings.
extern "C" {
void dsyrk_(const char* uplo, const char* trans, const int* n, const int* k, const double* alpha,
            const double* a, const int* lda, const double* beta, double* c, const int* ldc, size_t,
            size_t);
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info, size_t);
void dpotrs_(const char* uplo, const int* n, const int* nrhs, const double* a, const int* lda,
             double* b, const int* ldb, int* info, size_t);
void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
            const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
            const float* beta, float* c, const int* ldc, size_t, size_t);
void dgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
            const double* alpha, const double* a, const int* lda, const double* b, const int* ldb,
            const double* beta, double* c, const int* ldc, size_t, size_t);
}

namespace mixmatch {
namespace {

// c [m, n] = a [m, k] times b, which is [k, n] or, transposed, [n, k]; `gemm` is the Fortran
// routine of the precision.
template <typename Number, typename Gemm>
void MultiplyBy(Gemm gemm, bool transposed, std::span<const Number> a, std::span<const Number> b,
                size_t k, std::span<Number> c) {
  const int depth = static_cast<int>(k);
  const int m = static_cast<int>(a.size() / k);
  const int n = static_cast<int>(b.size() / k);
  const Number one = 1;
  const Number zero = 0;
  if (m == 0 || n == 0) return;
  gemm(transposed ? "T" : "N", "N", &n, &m, &depth, &one, b.data(), transposed ? &depth : &n,
       a.data(), &depth, &zero, c.data(), &n, 1, 1);
}

}  // namespace

void AddGram(std::span<const double> x, size_t d, double factor, std::span<double> gram) {
  const int n = static_cast<int>(d);
  const int k = static_cast<int>(x.size() / d);
  const double one = 1;
  if (k == 0) return;
  dsyrk_("L", "N", &n, &k, &factor, x.data(), &n, &one, gram.data(), &n, 1, 1);
}

bool Factorise(std::span<double> a, size_t d) {
  const int n = static_cast<int>(d);
  int info = 0;
  dpotrf_("L", &n, a.data(), &n, &info, 1);
  return info == 0;
}

void SolveRows(std::span<const double> factor, size_t d, std::span<double> b) {
  const int n = static_cast<int>(d);
  const int rows = static_cast<int>(b.size() / d);
  int info = 0;
  if (rows == 0) return;
  dpotrs_("L", &n, &rows, factor.data(), &n, b.data(), &n, &info, 1);
}

void Multiply(std::span<const double> a, std::span<const double> b, size_t k, std::span<double> c) {
  MultiplyBy(dgemm_, false, a, b, k, c);
}

void MultiplyTransposed(std::span<const double> a, std::span<const double> b, size_t k,
                        std::span<double> c) {
  MultiplyBy(dgemm_, true, a, b, k, c);
}

void MultiplyTransposed(std::span<const float> a, std::span<const float> b, size_t k,
                        std::span<float> c) {
  MultiplyBy(sgemm_, true, a, b, k, c);
}

float Dot(std::span<const float> a, std::span<const float> b) {
  float sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= a.size(); i += 8) {
    for (size_t lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0;
  for (; i < a.size(); ++i) sum += a[i] * b[i];
  for (const float part : sums) sum += part;
  return sum;
}

void Normalise(std::span<float> x) {
  const float size = std::sqrt(Dot(x, x));
  if (size <= 0) return;
  for (float& value : x) value /= size;
}

}  // namespace mixmatch
