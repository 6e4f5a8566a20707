// The Gaussian error linear unit and its derivative over plain floats.
#pragma once

#include <cstdint>

namespace mixmatch {

// to[i] = x[i] * P(N(0, 1) < x[i]), to an absolute error below 5e-7 (1 + |x|). Any alignment.
void GeluForward(int64_t count, const float* x, float* to);

// grad_x[i] = grad_out[i] times the derivative at x[i]. `grad_x` may be `grad_out`.
void GeluBackward(int64_t count, const float* x, const float* grad_out, float* grad_x);

}  // namespace mixmatch
