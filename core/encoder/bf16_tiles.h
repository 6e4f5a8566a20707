// The kernel of Bf16Gemm for tile registers (AMX): 16 x 16 sums of 16 pairs each in one
// instruction.
#pragma once

#include <cstdint>

#include "core/encoder/bf16_packing.h"

namespace mixmatch::bf16 {

// Rows of C that one call takes at most.
inline constexpr int64_t kTileRowsBlock = 128;

// Whether this CPU has them and the system lets this process use them. The first call asks it.
bool TilesSupported();

// Some rows of C, of one block whose panels have whole tiles of pairs (`panel` is a multiple of 16,
// zeros behind the last pair); `a` begins with the first of them. Requires TilesSupported().
void MultiplyBlockByTiles(const Block& block, const Bf16Operand& a, int64_t rows);

}  // namespace mixmatch::bf16
