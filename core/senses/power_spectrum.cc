// The real sequence is packed into a complex one of half the length (even samples real, odd ones
// imaginary), transformed by an iterative radix-2 FFT, and unpacked:
//   X[k] = (Z[k] + conj Z[N-k]) / 2 - i w^k (Z[k] - conj Z[N-k]) / 2,  w = exp(-2 pi i / 2N)
#include "core/senses/power_spectrum.h"

#include <cmath>
#include <cstdint>
#include <numbers>

namespace mixmatch {
namespace {

constexpr size_t kHalf = kFftPoints / 2;  // complex points
constexpr unsigned kHalfBits = 8;
static_assert(size_t{1} << kHalfBits == kHalf);

struct Tables {
  std::array<float, kHalf> cosine{};  // of 2 pi k / kFftPoints
  std::array<float, kHalf> sine{};
  std::array<uint16_t, kHalf> reversed{};

  Tables() {
    for (size_t k = 0; k < kHalf; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k) / kFftPoints;
      cosine[k] = static_cast<float>(std::cos(angle));
      sine[k] = static_cast<float>(std::sin(angle));
      size_t bits = 0;
      for (unsigned b = 0; b < kHalfBits; ++b) bits |= ((k >> b) & 1) << (kHalfBits - 1 - b);
      reversed[k] = static_cast<uint16_t>(bits);
    }
  }
};

const Tables& SharedTables() {
  static const Tables kTables;
  return kTables;
}

using Half = std::array<float, kHalf>;

// In-place complex FFT of kHalf points, its input in bit-reversed order.
void Transform(const Tables& tables, Half& re, Half& im) {
  for (size_t span = 1; span < kHalf; span *= 2) {
    const size_t step = kHalf / span;  // between twiddles, in units of 2 pi / kFftPoints
    for (size_t start = 0; start < kHalf; start += 2 * span) {
      for (size_t j = 0; j < span; ++j) {
        const float wr = tables.cosine[j * step];
        const float wi = -tables.sine[j * step];
        const size_t a = start + j;
        const size_t b = a + span;
        const float tr = wr * re[b] - wi * im[b];
        const float ti = wr * im[b] + wi * re[b];
        re[b] = re[a] - tr;
        im[b] = im[a] - ti;
        re[a] += tr;
        im[a] += ti;
      }
    }
  }
}

}  // namespace

void PowerSpectrum(const std::array<float, kFftPoints>& frame, std::array<float, kFftBins>& power) {
  const Tables& tables = SharedTables();
  Half re;
  Half im;
  for (size_t k = 0; k < kHalf; ++k) {
    re[k] = frame[2 * size_t{tables.reversed[k]}];
    im[k] = frame[2 * size_t{tables.reversed[k]} + 1];
  }
  Transform(tables, re, im);
  // k = 0 and k = kHalf: the sums of all even plus, or minus, all odd samples.
  power[0] = (re[0] + im[0]) * (re[0] + im[0]);
  power[kHalf] = (re[0] - im[0]) * (re[0] - im[0]);
  for (size_t k = 1; k < kHalf; ++k) {
    const size_t m = kHalf - k;
    const float even_re = 0.5f * (re[k] + re[m]);
    const float even_im = 0.5f * (im[k] - im[m]);
    const float odd_re = 0.5f * (im[k] + im[m]);
    const float odd_im = -0.5f * (re[k] - re[m]);
    const float xr = even_re + tables.cosine[k] * odd_re + tables.sine[k] * odd_im;
    const float xi = even_im + tables.cosine[k] * odd_im - tables.sine[k] * odd_re;
    power[k] = xr * xr + xi * xi;
  }
}

}  // namespace mixmatch
