// The products of block attention: strips of up to kTileRows rows whose sums stay in registers.
// As in product.h, an element of a result is one chain of multiply-adds over the depth, in order,
// whatever the strip it falls into.
#pragma once

#include "kernels/cpu/simd/attention_forms.h"
#include "kernels/cpu/simd/product.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

/// Calls run(std::integral_constant) with the largest height of a strip that is at most `rows`.
template <int kRows = kTileRows, class Run>
inline void with_strip(std::int64_t rows, const Run& run) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return with_strip<(kRows > 4 ? kRows - 2 : kRows - 1)>(rows, run);
  }
  run(std::integral_constant<int, kRows>{});
}

/// Calls run(row, std::integral_constant) for strips of about the same height: a low one reads as
/// much of the right side as a high one.
template <class Run>
inline void for_each_strip(std::int64_t rows, const Run& run) {
  for (std::int64_t row = 0; row < rows;) {
    const std::int64_t left = rows - row, strips = (left + kTileRows - 1) / kTileRows;
    std::int64_t wanted = (left + strips - 1) / strips;
    if (wanted > 4 && wanted < left) wanted += wanted % 2;
    with_strip(wanted, [&](auto height) {
      run(row, height);
      row += height;
    });
  }
}

/// sums += a b over the depth (in words); b: kVectors columns as HeadShape describes them.
template <class Form, int kRows, int kVectors, class Left>
[[gnu::always_inline]] inline void multiply(Vec (&sums)[kRows][kVectors], const Left& a,
                                            const float* const (&b)[kVectors], std::int64_t depth) {
  const float* right[kVectors];
  for (int v = 0; v < kVectors; ++v) right[v] = b[v];
  for (std::int64_t k = 0; k < depth; ++k) {
    Vec columns[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      columns[v] = load(right[v]);
      right[v] += kLanes;
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec x = Form::broadcast(a.word(r, k));
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = Form::multiply_add(x, columns[v], sums[r][v]);
      }
    }
  }
}

/// Left sides: the word at row r and depth k.
struct RowWords {
  const float* data;
  std::int64_t stride;
  const float* word(int r, std::int64_t k) const { return data + r * stride + k; }
  RowWords from(std::int64_t row, std::int64_t k) const {
    return {data + row * stride + k, stride};
  }
};
struct ColumnWords {
  const float* data;
  std::int64_t stride;
  const float* word(int r, std::int64_t k) const { return data + k * stride + r; }
  ColumnWords from(std::int64_t row, std::int64_t k) const {
    return {data + k * stride + row, stride};
  }
};

/// tile (kRows, vectors * kLanes) = a times the vectors that begin at right[0], right[1], ...
template <class Form, int kRows>
inline void score_strip(const RowWords& a, std::int64_t depth, const float* const* right,
                        std::int64_t vectors, float* tile, std::int64_t stride) {
  std::int64_t v = 0;
  for (; v + 2 <= vectors; v += 2) {
    Vec sums[kRows][2] = {};
    multiply<Form, kRows, 2>(sums, a, {right[v], right[v + 1]}, depth);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      store(tile + r * stride + v * kLanes, sums[r][0]);
      store(tile + r * stride + (v + 1) * kLanes, sums[r][1]);
    }
  }
  if (v == vectors) return;
  Vec sums[kRows][1] = {};
  multiply<Form, kRows, 1>(sums, a, {right[v]}, depth);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) store(tile + r * stride + v * kLanes, sums[r][0]);
}

/// A stretch of depth: where the left side has it and where the right side, and its length.
struct Stretch {
  std::int64_t left, right, depth;  // in words
};

/// The right side of a product over stretches, and where the result goes.
struct Sums {
  const float* right;
  std::int64_t right_vector;  // floats from one vector of columns to the next
  std::int64_t vectors;
  const Stretch* stretches;
  std::int64_t count;
  float* c;
  std::int64_t c_stride;
  Start start;  // zero or add
};

template <class Form, int kRows, int kVectors, class Left>
inline void sum_vectors(const Left& a, const Sums& s, std::int64_t vector, float* c) {
  const float* right = s.right + vector * s.right_vector;
  Vec sums[kRows][kVectors] = {};
  for (std::int64_t n = 0; n < s.count; ++n) {
    const Stretch& at = s.stretches[n];
    const float* columns[kVectors];
    for (int v = 0; v < kVectors; ++v) columns[v] = right + v * s.right_vector + at.right * kLanes;
    multiply<Form, kRows, kVectors>(sums, a.from(0, at.left), columns, at.depth);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float* row = c + r * s.c_stride + vector * kLanes;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      Vec sum = sums[r][v];
      if (s.start == Start::add) sum = load(row + v * kLanes) + sum;
      store(row + v * kLanes, sum);
    }
  }
}

/// Rows [0, kRows) of a times the stretches of the right side, to rows of c.
template <class Form, int kRows, class Left>
inline void sum_strip(const Left& a, const Sums& s, float* c) {
  std::int64_t v = 0;
  for (; v + 2 <= s.vectors; v += 2) sum_vectors<Form, kRows, 2>(a, s, v, c);
  if (v < s.vectors) sum_vectors<Form, kRows, 1>(a, s, v, c);
}

template <class Form, class Left>
inline void sum_rows(const Left& a, std::int64_t rows, const Sums& s) {
  for_each_strip(rows, [&](std::int64_t row, auto height) {
    sum_strip<Form, height()>(a.from(row, 0), s, s.c + row * s.c_stride);
  });
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
