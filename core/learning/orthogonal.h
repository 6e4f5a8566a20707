// The nearest orthogonal matrix, about: what the optimiser makes of a matrix's momentum, so that an
// update turns every direction of a linear map by as much as any other.
//
// Internal to core/learning: includes torch.
#pragma once

#include <ATen/ATen.h>

namespace mixmatch {

// Of each of `m` [K, rows, columns]: a matrix with the same singular vectors, whose singular values
// lie between about 0.7 and 1.2 but for those that are next to nothing in m. A quintic
// Newton-Schulz iteration, four times (Muon, K. Jordan and others, 2024, has five): matrix products
// alone. Costs about 8 K s^2 (2 l + s) operations, s and l being the smaller and larger side, and
// 2 K s^2 (2 l + 13 s) from l = 2 s on. A matrix of zeros stays one.
at::Tensor Orthogonalise(const at::Tensor& m);

}  // namespace mixmatch
