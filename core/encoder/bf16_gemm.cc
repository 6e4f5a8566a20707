// Blocks go to tile registers (bf16_tiles.h) where the CPU has them, else to vectors here. Blocks
// as in K. Goto, R. van de Geijn, Anatomy of high-performance matrix multiplication (2008).
#include "core/encoder/bf16_gemm.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include "core/encoder/bf16_packing.h"
#include "core/encoder/bf16_tiles.h"
#endif

namespace mixmatch {

#if defined(__x86_64__)

namespace {

using namespace bf16;

constexpr int kRows = 12;                // of C in a tile: 24 registers of sums
constexpr int64_t kPairsBlock = 256;     // along k: a panel of B is 32 KiB
constexpr int64_t kRowsBlock = 12 * 12;  // of A packed at once
constexpr int64_t kColumnsBlock = 512;   // of B packed at once
// Below so many multiplications one thread is faster than a team.
constexpr int64_t kTeamWork = 1 << 20;

// One tile's rows of A. Contiguous along k: [rows][pairs]; otherwise [pairs][kRows].
MM_BF16 void PackRows(const Bf16Operand& a, int64_t rows, int64_t k, uint32_t* to) {
  const int64_t pairs = (k + 1) / 2;
  if (a.column_stride == 1) {
    for (int64_t r = 0; r < rows; ++r) {
      const float* from = a.data + r * a.row_stride;
      for (int64_t p = 0; p < pairs; p += kLanes16) {
        _mm512_mask_storeu_epi32(to + r * pairs + p, MaskOf(pairs - p),
                                 PairsAlongRow(from + 2 * p, k - 2 * p));
      }
    }
    return;
  }
  const __mmask16 mask = MaskOf(rows);
  for (int64_t p = 0; p < pairs; ++p) {
    const float* first = a.data + 2 * p * a.column_stride;
    const float* second = 2 * p + 1 < k ? first + a.column_stride : nullptr;
    _mm512_mask_storeu_epi32(to + p * kRows, mask, PairsOfRows(first, second, mask));
  }
}

struct Tile {
  int64_t pairs;
  int64_t row_step;   // in A, from a row to the next
  int64_t pair_step;  // in A, from a pair to the next
  const float* start;
  int64_t start_stride;
  float* c;
  int64_t c_stride;
  int64_t columns;  // that exist
};

template <int Rows, int Vectors>
MM_BF16_INLINE void Multiply(const Tile& tile, const uint32_t* a, const uint32_t* b) {
  __m512 sums[Rows][Vectors];
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  for (int64_t p = 0; p < tile.pairs; ++p) {
    __m512bh lanes[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      lanes[v] = reinterpret_cast<__m512bh>(_mm512_load_si512(b + (p * Vectors + v) * kLanes16));
    }
    const uint32_t* from = a + p * tile.pair_step;
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
      const auto factor =
          reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(from[r * tile.row_step])));
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], lanes[v], factor);
      }
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      const __mmask16 mask = MaskOf(tile.columns - v * kLanes16);
      if (tile.start != nullptr) {
        sums[r][v] = _mm512_add_ps(
            sums[r][v],
            _mm512_maskz_loadu_ps(mask, tile.start + r * tile.start_stride + v * kLanes16));
      }
      _mm512_mask_storeu_ps(tile.c + r * tile.c_stride + v * kLanes16, mask, sums[r][v]);
    }
  }
}

template <int Vectors>
MM_BF16 void MultiplyRows(int64_t rows, const Tile& tile, const uint32_t* a, const uint32_t* b) {
  switch (rows) {
    case 1:
      return Multiply<1, Vectors>(tile, a, b);
    case 2:
      return Multiply<2, Vectors>(tile, a, b);
    case 3:
      return Multiply<3, Vectors>(tile, a, b);
    case 4:
      return Multiply<4, Vectors>(tile, a, b);
    case 5:
      return Multiply<5, Vectors>(tile, a, b);
    case 6:
      return Multiply<6, Vectors>(tile, a, b);
    case 7:
      return Multiply<7, Vectors>(tile, a, b);
    case 8:
      return Multiply<8, Vectors>(tile, a, b);
    case 9:
      return Multiply<9, Vectors>(tile, a, b);
    case 10:
      return Multiply<10, Vectors>(tile, a, b);
    case 11:
      return Multiply<11, Vectors>(tile, a, b);
    default:
      return Multiply<kRows, Vectors>(tile, a, b);
  }
}

// Some rows of C, of one block; `a` begins with the first of them.
MM_BF16 void MultiplyBlock(const Block& block, const Bf16Operand& a, int64_t rows) {
  thread_local Room room;
  const int64_t pairs = (block.k + 1) / 2;
  uint32_t* packed = room.Take((rows + kRows - 1) / kRows * kRows * pairs);
  const bool along = a.column_stride == 1;
  for (int64_t r = 0; r < rows; r += kRows) {
    PackRows({a.data + r * a.row_stride, a.row_stride, a.column_stride},
             std::min<int64_t>(kRows, rows - r), block.k, packed + r * pairs);
  }
  for (int64_t at = 0; at < block.columns; at += block.width) {
    for (int64_t r = 0; r < rows; r += kRows) {
      const Tile tile = {
          .pairs = pairs,
          .row_step = along ? pairs : 1,
          .pair_step = along ? 1 : kRows,
          .start = block.start == nullptr ? nullptr : block.start + r * block.start_stride + at,
          .start_stride = block.start_stride,
          .c = block.c + r * block.c_stride + at,
          .c_stride = block.c_stride,
          .columns = block.columns - at};
      const int64_t count = std::min<int64_t>(kRows, rows - r);
      if (block.width == kLanes16) {
        MultiplyRows<1>(count, tile, packed + r * pairs, block.b + at * block.panel);
      } else {
        MultiplyRows<2>(count, tile, packed + r * pairs, block.b + at * block.panel);
      }
    }
  }
}

}  // namespace

bool Bf16Supported() {
  static const bool supported =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
  return supported;
}

bool Bf16Supports(Bf16Kernel kernel) {
  return kernel == Bf16Kernel::kTiles ? TilesSupported() : Bf16Supported();
}

Bf16Kernel Bf16BestKernel() { return TilesSupported() ? Bf16Kernel::kTiles : Bf16Kernel::kVectors; }

bool Bf16Faster() {
  // With vectors of Intel's a step took a third longer than in fp32 (tests/eval/RESULTS.md).
  return Bf16Supported() && (TilesSupported() || !__builtin_cpu_is("intel"));
}

void Bf16Gemm(int64_t m, int64_t n, int64_t k, const Bf16Operand& a, const Bf16Operand& b,
              const float* start, int64_t start_stride, float* c, int64_t c_stride,
              Bf16Kernel kernel) {
  thread_local Room room;
  const bool tiles = kernel == Bf16Kernel::kTiles;
  const int64_t rows_block = tiles ? kTileRowsBlock : kRowsBlock;
  const int64_t width = n <= kLanes16 ? kLanes16 : 2 * kLanes16;
  for (int64_t column = 0; column < n; column += kColumnsBlock) {
    const int64_t columns = std::min(kColumnsBlock, n - column);
    const int64_t panels = (columns + width - 1) / width;
    // Once even for k = 0: C is what it starts from.
    for (int64_t from = 0; from == 0 || from < k; from += 2 * kPairsBlock) {
      const int64_t depth = std::min(2 * kPairsBlock, k - from);
      const int64_t pairs = (depth + 1) / 2;
      // Tiles are whole: behind the last pair there are zeros.
      const int64_t panel_pairs = tiles ? (pairs + kLanes16 - 1) / kLanes16 * kLanes16 : pairs;
      uint32_t* packed = room.Take(panels * width * panel_pairs);
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t at = column + panel * width;
        uint32_t* const to = packed + panel * width * panel_pairs;
        PackPanel(
            {b.data + from * b.row_stride + at * b.column_stride, b.row_stride, b.column_stride},
            depth, std::min(width, n - at), width, to);
        if (panel_pairs > pairs) {
          std::memset(to + width * pairs, 0,
                      static_cast<size_t>(width * (panel_pairs - pairs)) * sizeof(uint32_t));
        }
      }
      const float* before = from > 0 ? c : start;
      const int64_t before_stride = from > 0 ? c_stride : start_stride;
#pragma omp parallel for schedule(static) if (m * columns * depth > kTeamWork)
      for (int64_t row = 0; row < m; row += rows_block) {
        const Block block = {
            .k = depth,
            .columns = columns,
            .width = width,
            .panel = panel_pairs,
            .b = packed,
            .start = before == nullptr ? nullptr : before + row * before_stride + column,
            .start_stride = before_stride,
            .c = c + row * c_stride + column,
            .c_stride = c_stride};
        const Bf16Operand rows_of_a = {a.data + row * a.row_stride + from * a.column_stride,
                                       a.row_stride, a.column_stride};
        const int64_t rows = std::min(rows_block, m - row);
        if (tiles) {
          MultiplyBlockByTiles(block, rows_of_a, rows);
        } else {
          MultiplyBlock(block, rows_of_a, rows);
        }
      }
    }
  }
}

#else

bool Bf16Supported() { return false; }

bool Bf16Supports(Bf16Kernel) { return false; }

Bf16Kernel Bf16BestKernel() { return Bf16Kernel::kVectors; }

bool Bf16Faster() { return false; }

void Bf16Gemm(int64_t, int64_t, int64_t, const Bf16Operand&, const Bf16Operand&, const float*,
              int64_t, float*, int64_t, Bf16Kernel) {}

#endif

}  // namespace mixmatch
