#include "kernels/bench/tile_product.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace dnabird::kernels::bench {

namespace {

constexpr int kSize = 64, kElements = kSize * kSize;
constexpr int kProducts = 2000;  // in one timed call: some milliseconds

/// Row-major; of bf16 the upper halves of floats, b with the rows 2k and 2k+1 side by side.
struct Tile {
  alignas(64) std::array<float, kElements> a, b, c;
  alignas(64) std::array<std::uint16_t, kElements> a16, b16;
};

using Multiply = void (*)(Tile&);  // c += a b

void multiply_portable(Tile& t) {
  for (int row = 0; row < kSize; ++row) {
    for (int k = 0; k < kSize; ++k) {
      const float x = t.a[row * kSize + k];
      for (int column = 0; column < kSize; ++column) {
        t.c[row * kSize + column] += x * t.b[k * kSize + column];
      }
    }
  }
}

#if defined(__x86_64__)

__attribute__((target("avx2,fma"))) void multiply_avx2(Tile& t) {
  constexpr int kRows = 4, kLanes = 8;
  for (int column = 0; column < kSize; column += 2 * kLanes) {
    for (int row = 0; row < kSize; row += kRows) {
      float* c = &t.c[row * kSize + column];
      __m256 sums[kRows][2];
      for (int r = 0; r < kRows; ++r) {
        sums[r][0] = _mm256_load_ps(c + r * kSize);
        sums[r][1] = _mm256_load_ps(c + r * kSize + kLanes);
      }
      for (int k = 0; k < kSize; ++k) {
        const __m256 b0 = _mm256_load_ps(&t.b[k * kSize + column]);
        const __m256 b1 = _mm256_load_ps(&t.b[k * kSize + column + kLanes]);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) {
          const __m256 x = _mm256_broadcast_ss(&t.a[(row + r) * kSize + k]);
          sums[r][0] = _mm256_fmadd_ps(x, b0, sums[r][0]);
          sums[r][1] = _mm256_fmadd_ps(x, b1, sums[r][1]);
        }
      }
      for (int r = 0; r < kRows; ++r) {
        _mm256_store_ps(c + r * kSize, sums[r][0]);
        _mm256_store_ps(c + r * kSize + kLanes, sums[r][1]);
      }
    }
  }
}

__attribute__((target("avx512f"))) void multiply_avx512(Tile& t) {
  constexpr int kRows = 8, kLanes = 16;
  for (int column = 0; column < kSize; column += 2 * kLanes) {
    for (int row = 0; row < kSize; row += kRows) {
      float* c = &t.c[row * kSize + column];
      __m512 sums[kRows][2];
      for (int r = 0; r < kRows; ++r) {
        sums[r][0] = _mm512_load_ps(c + r * kSize);
        sums[r][1] = _mm512_load_ps(c + r * kSize + kLanes);
      }
      for (int k = 0; k < kSize; ++k) {
        const __m512 b0 = _mm512_load_ps(&t.b[k * kSize + column]);
        const __m512 b1 = _mm512_load_ps(&t.b[k * kSize + column + kLanes]);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const __m512 x = _mm512_set1_ps(t.a[(row + r) * kSize + k]);
          sums[r][0] = _mm512_fmadd_ps(x, b0, sums[r][0]);
          sums[r][1] = _mm512_fmadd_ps(x, b1, sums[r][1]);
        }
      }
      for (int r = 0; r < kRows; ++r) {
        _mm512_store_ps(c + r * kSize, sums[r][0]);
        _mm512_store_ps(c + r * kSize + kLanes, sums[r][1]);
      }
    }
  }
}

__attribute__((target("avx512f,avx512bf16"))) inline __m512bh load(const std::uint16_t* pairs) {
  return (__m512bh)_mm512_load_si512(pairs);
}

__attribute__((target("avx512f,avx512bf16"))) void multiply_avx512_bf16(Tile& t) {
  constexpr int kRows = 8, kLanes = 16;
  for (int column = 0; column < kSize; column += 2 * kLanes) {
    for (int row = 0; row < kSize; row += kRows) {
      float* c = &t.c[row * kSize + column];
      __m512 sums[kRows][2];
      for (int r = 0; r < kRows; ++r) {
        sums[r][0] = _mm512_load_ps(c + r * kSize);
        sums[r][1] = _mm512_load_ps(c + r * kSize + kLanes);
      }
      for (int k = 0; k < kSize; k += 2) {
        const __m512bh b0 = load(&t.b16[k * kSize + 2 * column]);
        const __m512bh b1 = load(&t.b16[k * kSize + 2 * (column + kLanes)]);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const std::uint16_t* pair = &t.a16[(row + r) * kSize + k];
          const auto word = static_cast<int>(pair[0] | static_cast<std::uint32_t>(pair[1]) << 16);
          const auto x = (__m512bh)_mm512_set1_epi32(word);
          sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, b0);
          sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, b1);
        }
      }
      for (int r = 0; r < kRows; ++r) {
        _mm512_store_ps(c + r * kSize, sums[r][0]);
        _mm512_store_ps(c + r * kSize + kLanes, sums[r][1]);
      }
    }
  }
}

Multiply pick(Precision precision) {
  if (precision == Precision::bf16) {
    return __builtin_cpu_supports("avx512bf16") ? multiply_avx512_bf16 : nullptr;
  }
  if (__builtin_cpu_supports("avx512f")) return multiply_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return multiply_avx2;
  return multiply_portable;
}

#else

Multiply pick(Precision precision) {
  return precision == Precision::f32 ? multiply_portable : nullptr;
}

#endif

std::uint16_t upper_half(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
}

/// Small multiples of 1/8: exact in bf16, and so are their products and sums in f32.
Tile make_tile() {
  Tile t{};
  for (int i = 0; i < kElements; ++i) {
    t.a[i] = static_cast<float>(i * 7 % 13 - 6) / 8;
    t.b[i] = static_cast<float>(i * 5 % 11 - 5) / 8;
    t.a16[i] = upper_half(t.a[i]);
    const int row = i / kSize, column = i % kSize;
    t.b16[row / 2 * 2 * kSize + 2 * column + row % 2] = upper_half(t.b[i]);
  }
  return t;
}

void check(Multiply multiply) {
  Tile actual = make_tile(), expected = make_tile();
  multiply(actual);
  multiply_portable(expected);
  if (actual.c != expected.c) throw std::runtime_error("the tile product of this processor is off");
}

}  // namespace

double tile_product_rate(Precision precision, int threads, Clock clock) {
  const Multiply multiply = pick(precision);
  if (multiply == nullptr) return 0;
  check(multiply);
  std::vector<Tile> tiles(threads, make_tile());
  const auto call = [&] {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; ++thread) {
      Tile& tile = tiles[thread];
      tile.c.fill(0);
      for (int n = 0; n < kProducts; ++n) multiply(tile);
    }
  };
  const double flops = 2.0 * kSize * kElements * kProducts * threads;
  return flops / fastest(call, clock, {5, 0.2});
}

}  // namespace dnabird::kernels::bench
