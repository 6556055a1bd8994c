// The matrix product of a tier: tiles of kTileRows x kPanel sums that stay in registers, the right
// side packed in panels of kPanel columns.
//
// Every element of the result is one chain of multiply-adds over the depth, in order, whatever the
// number of rows and columns and whichever tile it falls into: that is what makes a row's bytes
// independent of the rows around it and of the number of threads.
#pragma once

#include "kernels/cpu/simd/vec.h"
#include "kernels/cpu/tier.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

constexpr int kTileRows = DNABIRD_TILE_ROWS;
constexpr int kPanel = 2 * kLanes;

/// Left sides: element (row r, depth k), seen from a first row.
struct RowMajor {
  const float* data;
  std::int64_t stride;
  float at(int r, std::int64_t k) const { return data[r * stride + k]; }
  RowMajor from_row(std::int64_t r) const { return {data + r * stride, stride}; }
};
struct ColumnMajor {
  const float* data;
  std::int64_t stride;
  float at(int r, std::int64_t k) const { return data[k * stride + r]; }
  ColumnMajor from_row(std::int64_t r) const { return {data + r, stride}; }
};
/// What pack_left makes.
struct PackedLeft {
  const float* data;
  std::int64_t stride;  // from one panel of kTileRows rows to the next
  float at(int r, std::int64_t k) const { return data[k * kTileRows + r]; }
  PackedLeft from_row(std::int64_t r) const { return {data + r / kTileRows * stride, stride}; }
};

/// Writes kRows x 2 vectors of sums to c, as p.start says.
template <int kRows, class Lanes0, class Lanes1>
inline void put_tile(const Product& p, const Vec (&sums)[kRows][2], float* c, const Lanes0& lanes0,
                     const Lanes1& lanes1) {
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float* row = c + r * p.c_stride;
    if (p.start == Start::add) {
      lanes0.store(row, lanes0.load(row) + sums[r][0]);
      lanes1.store(row + kLanes, lanes1.load(row + kLanes) + sums[r][1]);
    } else {
      lanes0.store(row, sums[r][0]);
      lanes1.store(row + kLanes, sums[r][1]);
    }
  }
}

template <int kRows, class Left>
inline void product_tile(const Product& p, const Left& a, const float* b, std::int64_t column,
                         float* c) {
  const std::int64_t columns = p.columns - column;  // from here on; may exceed the panel
  Vec sums[kRows][2];
  Vec first0{}, first1{};
  if (p.start == Start::bias) {
    first0 = columns >= kLanes ? load(p.bias + column) : PartVector{columns}.load(p.bias + column);
    if (columns >= kPanel) {
      first1 = load(p.bias + column + kLanes);
    } else if (columns > kLanes) {
      first1 = PartVector{columns - kLanes}.load(p.bias + column + kLanes);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    sums[r][0] = first0;
    sums[r][1] = first1;
  }
  for (std::int64_t k = 0; k < p.depth; ++k) {
    const Vec b0 = load(b), b1 = load(b + kLanes);
    b += kPanel;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec x = broadcast(a.at(r, k));
      sums[r][0] += x * b0;
      sums[r][1] += x * b1;
    }
  }
  if (columns >= kPanel) {
    put_tile<kRows>(p, sums, c, WholeVector{}, WholeVector{});
  } else if (columns > kLanes) {
    put_tile<kRows>(p, sums, c, WholeVector{}, PartVector{columns - kLanes});
  } else {
    put_tile<kRows>(p, sums, c, PartVector{columns}, PartVector{0});
  }
}

/// One panel of columns for `rows` <= kTileRows rows.
template <int kRows, class Left>
inline void product_tile_of(int rows, const Product& p, const Left& a, const float* b,
                            std::int64_t column, float* c) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return product_tile_of<kRows - 1>(rows, p, a, b, column, c);
  }
  product_tile<kRows>(p, a, b, column, c);
}

template <class Left>
inline void product_from(const Product& p, const Left& a) {
  for (std::int64_t column = 0; column < p.columns; column += kPanel) {
    const float* b = p.b + column / kPanel * p.b_panel;
    for (std::int64_t row = 0; row < p.rows; row += kTileRows) {
      const int rows = static_cast<int>(p.rows - row < kTileRows ? p.rows - row : kTileRows);
      product_tile_of<kTileRows>(rows, p, a.from_row(row), b, column,
                                 p.c + row * p.c_stride + column);
    }
  }
}

inline void product(const Product& p) {
  switch (p.a_layout) {
    case Layout::rows:
      return product_from(p, RowMajor{p.a, p.a_stride});
    case Layout::transposed:
      return product_from(p, ColumnMajor{p.a, p.a_stride});
    case Layout::packed:
      return product_from(p, PackedLeft{p.a, p.a_stride});
  }
}

/// Panels of b (depth, columns), row-major: a panel's row is kPanel neighbours, zeros at the end.
inline void pack_rows(const Packing& p) {
  for (std::int64_t column = 0; column < p.columns; column += kPanel) {
    const std::int64_t count = p.columns - column < kPanel ? p.columns - column : kPanel;
    const float* from = p.from + column;
    float* to = p.to + column / kPanel * p.panel_stride;
    if (count == kPanel) {
      for (std::int64_t k = 0; k < p.depth; ++k, from += p.stride, to += kPanel) {
        store(to, load(from));
        store(to + kLanes, load(from + kLanes));
      }
    } else {
      for (std::int64_t k = 0; k < p.depth; ++k, from += p.stride, to += kPanel) {
        for (int l = 0; l < kPanel; ++l) to[l] = l < count ? from[l] : 0.0f;
      }
    }
  }
}

/// One of the two halves of exchanging lanes between a and b: where bit kDistance of the lane is
/// set in one and clear in the other.
template <int kDistance>
inline Vec take_low(Vec a, Vec b) {
  return shuffle(a, b, [](int l) { return l & kDistance ? kLanes + (l ^ kDistance) : l; });
}
template <int kDistance>
inline Vec take_high(Vec a, Vec b) {
  return shuffle(a, b, [](int l) { return l & kDistance ? kLanes + l : l ^ kDistance; });
}

/// Transposes kLanes vectors of kLanes: exchanges halves, then quarters, and so on.
template <int kDistance = kLanes / 2>
inline void transpose(Vec (&v)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (i & kDistance) continue;
    const Vec low = take_low<kDistance>(v[i], v[i + kDistance]);
    v[i + kDistance] = take_high<kDistance>(v[i], v[i + kDistance]);
    v[i] = low;
  }
  if constexpr (kDistance > 1) transpose<kDistance / 2>(v);
}

/// kLanes columns of panels of a transpose, those from `count` on 0.
inline void pack_transposed_lanes(const Packing& p, std::int64_t column, std::int64_t count,
                                  float* to) {
  const float* from = p.from + column * p.stride;
  std::int64_t k = 0;
  for (; count >= kLanes && k + kLanes <= p.depth; k += kLanes) {
    Vec v[kLanes];
#pragma GCC unroll 16
    for (int l = 0; l < kLanes; ++l) v[l] = load(from + l * p.stride + k);
    transpose(v);
#pragma GCC unroll 16
    for (int l = 0; l < kLanes; ++l) store(to + (k + l) * kPanel, v[l]);
  }
  for (; k < p.depth; ++k) {
    for (int l = 0; l < kLanes; ++l) {
      to[k * kPanel + l] = l < count ? from[l * p.stride + k] : 0.0f;
    }
  }
}

/// Panels of the transpose of b (columns, depth), row-major.
inline void pack_transposed(const Packing& p) {
  for (std::int64_t column = 0; column < p.columns; column += kPanel) {
    float* panel = p.to + column / kPanel * p.panel_stride;
    const std::int64_t left = p.columns - column;
    pack_transposed_lanes(p, column, left, panel);
    pack_transposed_lanes(p, column + kLanes, left - kLanes, panel + kLanes);
  }
}

/// Panels of kTileRows neighbours of a (depth, rows), row-major: the left side of a product whose
/// left side is transposed. Rows beyond the end are left as they are.
inline void pack_left(const Packing& p) {
  for (std::int64_t row = 0; row < p.columns; row += kTileRows) {
    const std::int64_t count = p.columns - row < kTileRows ? p.columns - row : kTileRows;
    const float* from = p.from + row;
    float* to = p.to + row / kTileRows * p.panel_stride;
    for (std::int64_t k = 0; k < p.depth; ++k, from += p.stride, to += kTileRows) {
      if (count == kTileRows) {
        __builtin_memcpy(to, from, kTileRows * sizeof(float));
      } else {
        for (int r = 0; r < count; ++r) to[r] = from[r];
      }
    }
  }
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
