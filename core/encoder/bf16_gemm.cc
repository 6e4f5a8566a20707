// Both operands are rounded while they are brought into the order in which the kernel reads them:
// pairs of neighbours along k in 32 bits, since the instruction multiplies and adds two at a time.
// Blocks as in K. Goto, R. van de Geijn, Anatomy of high-performance matrix multiplication (2008).
#include "core/encoder/bf16_gemm.h"

#include <algorithm>
#include <memory>
#include <new>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mixmatch {

#if defined(__x86_64__)

#define MM_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define MM_BF16_INLINE inline __attribute__((always_inline)) MM_BF16

namespace {

constexpr int64_t kLanes16 = 16;         // numbers of fp32, or pairs, in a register
constexpr int kRows = 12;                // of C in a tile: 24 registers of sums
constexpr int64_t kPairsBlock = 256;     // along k: a panel of B is 32 KiB
constexpr int64_t kRowsBlock = 12 * 12;  // of A packed at once
constexpr int64_t kColumnsBlock = 512;   // of B packed at once
// Below so many multiplications one thread is faster than a team.
constexpr int64_t kTeamWork = 1 << 20;

// Room of one thread that grows and is never cleared.
class Room {
 public:
  uint32_t* Take(int64_t count) {
    if (count > count_) {
      data_.reset(static_cast<uint32_t*>(
          ::operator new(static_cast<size_t>(count) * sizeof(uint32_t), std::align_val_t(64))));
      count_ = count;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(uint32_t* data) const { ::operator delete(data, std::align_val_t(64)); }
  };
  std::unique_ptr<uint32_t, Free> data_;
  int64_t count_ = 0;
};

MM_BF16_INLINE __mmask16 MaskOf(int64_t count) {
  return count >= kLanes16 ? __mmask16{0xFFFF}
                           : static_cast<__mmask16>((1U << std::max<int64_t>(count, 0)) - 1);
}

MM_BF16_INLINE __m512i PairsAlongRow(const float* from, int64_t count) {
  const __m512 low = _mm512_maskz_loadu_ps(MaskOf(count), from);
  const __m512 high = count > kLanes16
                          ? _mm512_maskz_loadu_ps(MaskOf(count - kLanes16), from + kLanes16)
                          : _mm512_setzero_ps();
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

// Pairs of one row's numbers with the next row's.
MM_BF16_INLINE __m512i PairsOfRows(const float* first, const float* second, __mmask16 mask) {
  const __m512 low = _mm512_maskz_loadu_ps(mask, first);
  const __m512 high = second == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(mask, second);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
}

// rows[r][c] becomes rows[c][r]: 16 x 16 pairs.
MM_BF16_INLINE void TransposePairs(__m512i (&rows)[kLanes16]) {
  __m512i t[kLanes16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even0 = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0x88);
    const __m512i even1 = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0x88);
    const __m512i odd0 = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0xDD);
    const __m512i odd1 = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0xDD);
    t[j] = _mm512_shuffle_i32x4(even0, even1, 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(odd0, odd1, 0x88);
    t[8 + j] = _mm512_shuffle_i32x4(even0, even1, 0xDD);
    t[12 + j] = _mm512_shuffle_i32x4(odd0, odd1, 0xDD);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) rows[i] = t[i];
}

// One panel of B, `width` columns (16 or 32) of which `columns` exist: [pairs][width].
MM_BF16 void PackPanel(const Bf16Operand& b, int64_t k, int64_t columns, int64_t width,
                       uint32_t* to) {
  const int64_t pairs = (k + 1) / 2;
  if (b.column_stride == 1) {
    for (int64_t p = 0; p < pairs; ++p) {
      const float* first = b.data + 2 * p * b.row_stride;
      const float* second = 2 * p + 1 < k ? first + b.row_stride : nullptr;
      for (int64_t at = 0; at < width; at += kLanes16) {
        _mm512_store_si512(to + p * width + at,
                           PairsOfRows(first + at, second == nullptr ? nullptr : second + at,
                                       MaskOf(columns - at)));
      }
    }
    return;
  }
  for (int64_t at = 0; at < width; at += kLanes16) {
    for (int64_t p = 0; p < pairs; p += kLanes16) {
      __m512i rows[kLanes16];
#pragma GCC unroll 16
      for (int64_t c = 0; c < kLanes16; ++c) {
        rows[c] = at + c < columns
                      ? PairsAlongRow(b.data + (at + c) * b.column_stride + 2 * p, k - 2 * p)
                      : _mm512_setzero_si512();
      }
      TransposePairs(rows);
      for (int64_t i = 0; i < std::min(kLanes16, pairs - p); ++i) {
        _mm512_store_si512(to + (p + i) * width + at, rows[i]);
      }
    }
  }
}

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

// One block along k and n: everything that the rows of C need of it.
struct Block {
  int64_t k;        // numbers along k
  int64_t columns;  // of C
  int64_t width;    // of a panel of B
  const uint32_t* b;
  const float* start;
  int64_t start_stride;
  float* c;
  int64_t c_stride;
};

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
        MultiplyRows<1>(count, tile, packed + r * pairs, block.b + at * pairs);
      } else {
        MultiplyRows<2>(count, tile, packed + r * pairs, block.b + at * pairs);
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

void Bf16Gemm(int64_t m, int64_t n, int64_t k, const Bf16Operand& a, const Bf16Operand& b,
              const float* start, int64_t start_stride, float* c, int64_t c_stride) {
  thread_local Room room;
  const int64_t width = n <= kLanes16 ? kLanes16 : 2 * kLanes16;
  for (int64_t column = 0; column < n; column += kColumnsBlock) {
    const int64_t columns = std::min(kColumnsBlock, n - column);
    const int64_t panels = (columns + width - 1) / width;
    // Once even for k = 0: C is what it starts from.
    for (int64_t from = 0; from == 0 || from < k; from += 2 * kPairsBlock) {
      const int64_t depth = std::min(2 * kPairsBlock, k - from);
      const int64_t pairs = (depth + 1) / 2;
      uint32_t* packed = room.Take(panels * width * pairs);
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t at = column + panel * width;
        PackPanel(
            {b.data + from * b.row_stride + at * b.column_stride, b.row_stride, b.column_stride},
            depth, std::min(width, n - at), width, packed + panel * width * pairs);
      }
      const float* before = from > 0 ? c : start;
      const int64_t before_stride = from > 0 ? c_stride : start_stride;
#pragma omp parallel for schedule(static) if (m * columns * depth > kTeamWork)
      for (int64_t row = 0; row < m; row += kRowsBlock) {
        const Block block = {
            .k = depth,
            .columns = columns,
            .width = width,
            .b = packed,
            .start = before == nullptr ? nullptr : before + row * before_stride + column,
            .start_stride = before_stride,
            .c = c + row * c_stride + column,
            .c_stride = c_stride};
        MultiplyBlock(
            block,
            {a.data + row * a.row_stride + from * a.column_stride, a.row_stride, a.column_stride},
            std::min(kRowsBlock, m - row));
      }
    }
  }
}

#else

bool Bf16Supported() { return false; }

void Bf16Gemm(int64_t, int64_t, int64_t, const Bf16Operand&, const Bf16Operand&, const float*,
              int64_t, float*, int64_t) {}

#endif

}  // namespace mixmatch
