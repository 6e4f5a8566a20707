// Two by two tiles of C at a time, so that each tile of A and of B that is loaded serves twice.
#if defined(__x86_64__)

#include "core/encoder/bf16_tiles.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace mixmatch::bf16 {
namespace {

#define MM_TILES __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,amx-tile,amx-bf16")))

constexpr int64_t kTile = 16;  // rows, columns and pairs of a tile
constexpr int kSums = 2 * kTile;

// The kernel keeps the state of tiles only for processes that ask for it (Linux, since 5.16).
constexpr long kAskForState = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr long kTileData = 18;         // XFEATURE_XTILEDATA

struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);

// [rows of whole tiles][stride], zeros where A has none.
MM_TILES void PackForTiles(const Bf16Operand& a, int64_t rows, int64_t k, int64_t stride,
                           uint32_t* to) {
  const int64_t pairs = (k + 1) / 2;
  const int64_t all = (rows + kTile - 1) / kTile * kTile;
  if (a.column_stride == 1) {
    for (int64_t r = 0; r < all; ++r) {
      for (int64_t p = 0; p < stride; p += kTile) {
        const bool there = r < rows && p < pairs;
        _mm512_store_si512(to + r * stride + p,
                           there ? PairsAlongRow(a.data + r * a.row_stride + 2 * p, k - 2 * p)
                                 : _mm512_setzero_si512());
      }
    }
    return;
  }
  for (int64_t r = 0; r < all; r += kTile) {
    const __mmask16 mask = MaskOf(rows - r);
    for (int64_t p = 0; p < stride; p += kTile) {
      __m512i block[kTile];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kTile; ++i) {
        const int64_t at = 2 * (p + i);
        const float* const first = a.data + r + at * a.column_stride;
        block[i] = at < k ? PairsOfRows(first, at + 1 < k ? first + a.column_stride : nullptr, mask)
                          : _mm512_setzero_si512();
      }
      TransposePairs(block);
#pragma GCC unroll 16
      for (int64_t i = 0; i < kTile; ++i) {
        _mm512_store_si512(to + (r + i) * stride + p, block[i]);
      }
    }
  }
}

// Sums of RowTiles by ColumnTiles tiles, `pairs` deep, into [RowTiles * 16][32].
template <int RowTiles, int ColumnTiles>
MM_TILES void SumTiles(const uint32_t* a, const uint32_t* b, int64_t pairs, int64_t width,
                       float* sums) {
  const auto a_bytes = static_cast<size_t>(pairs) * sizeof(uint32_t);
  const auto b_bytes = static_cast<size_t>(width) * sizeof(uint32_t);
  _tile_zero(0);
  if constexpr (ColumnTiles > 1) _tile_zero(1);
  if constexpr (RowTiles > 1) _tile_zero(2);
  if constexpr (RowTiles > 1 && ColumnTiles > 1) _tile_zero(3);
  for (int64_t p = 0; p < pairs; p += kTile) {
    _tile_loadd(6, b + p * width, b_bytes);
    if constexpr (ColumnTiles > 1) _tile_loadd(7, b + p * width + kTile, b_bytes);
    _tile_loadd(4, a + p, a_bytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (ColumnTiles > 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (RowTiles > 1) {
      _tile_loadd(5, a + kTile * pairs + p, a_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (ColumnTiles > 1) _tile_dpbf16ps(3, 5, 7);
    }
  }
  constexpr size_t kBytes = kSums * sizeof(float);
  _tile_stored(0, sums, kBytes);
  if constexpr (ColumnTiles > 1) _tile_stored(1, sums + kTile, kBytes);
  if constexpr (RowTiles > 1) _tile_stored(2, sums + kTile * kSums, kBytes);
  if constexpr (RowTiles > 1 && ColumnTiles > 1) {
    _tile_stored(3, sums + kTile * kSums + kTile, kBytes);
  }
}

// Puts sums into C, of which `rows` and `columns` exist here; it begins at (row, column).
MM_TILES void PutSums(const float* sums, const Block& block, int64_t row, int64_t column,
                      int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t at = 0; at < columns; at += kLanes16) {
      const __mmask16 mask = MaskOf(columns - at);
      __m512 sum = _mm512_load_ps(sums + r * kSums + at);
      if (block.start != nullptr) {
        sum = _mm512_add_ps(
            sum, _mm512_maskz_loadu_ps(mask,
                                       block.start + (row + r) * block.start_stride + column + at));
      }
      _mm512_mask_storeu_ps(block.c + (row + r) * block.c_stride + column + at, mask, sum);
    }
  }
}

}  // namespace

bool TilesSupported() {
  static const bool supported = Bf16Supported() && __builtin_cpu_supports("amx-tile") &&
                                __builtin_cpu_supports("amx-bf16") &&
                                syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
  return supported;
}

MM_TILES void MultiplyBlockByTiles(const Block& block, const Bf16Operand& a, int64_t rows) {
  thread_local Room room;
  const int64_t pairs = block.panel;
  uint32_t* const packed = room.Take((rows + kTile - 1) / kTile * kTile * pairs);
  PackForTiles(a, rows, block.k, pairs, packed);
  alignas(64) float sums[kSums * kSums];
  const TileShapes shapes;
  _tile_loadconfig(&shapes);
  for (int64_t at = 0; at < block.columns; at += block.width) {
    const uint32_t* const b = block.b + at * pairs;
    const int64_t columns = std::min(block.width, block.columns - at);
    for (int64_t r = 0; r < rows; r += 2 * kTile) {
      const int64_t count = std::min<int64_t>(2 * kTile, rows - r);
      const uint32_t* const from = packed + r * pairs;
      if (count > kTile && columns > kTile) {
        SumTiles<2, 2>(from, b, pairs, block.width, sums);
      } else if (count > kTile) {
        SumTiles<2, 1>(from, b, pairs, block.width, sums);
      } else if (columns > kTile) {
        SumTiles<1, 2>(from, b, pairs, block.width, sums);
      } else {
        SumTiles<1, 1>(from, b, pairs, block.width, sums);
      }
      PutSums(sums, block, r, at, count, columns);
    }
  }
  _tile_release();
}

}  // namespace mixmatch::bf16

#endif
