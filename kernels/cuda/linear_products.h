// The products of a linear layer as products of column-major matrices, which cuBLASLt takes: a
// row-major matrix (rows,columns) is the column-major one (columns,rows).
//
// The rows of the layer are always columns of D, never a leading dimension, and of y and dx never
// summed over: one algorithm serves every number of rows and gives a row the same bytes.
#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <vector>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

/// y = x w^T, dx = dy w, dw = dy^T x.
enum class LinearPart { y, dx, dw };

/// What an algorithm is chosen for.
struct LinearProduct {
  LinearPart part;
  std::int64_t in, out;
  DType dtype;                 // of x, y, dx, dy, and of the weight as it is multiplied
  bool has_bias = false;       // of y
  bool has_gelu = false;       // of y: the tanh form
  bool keeps_sum = false;      // of y: what gelu is taken of is written too
  bool undoes_gelu = false;    // of dx: times gelu' of what gelu was taken of
  bool rounds = false;         // f32: operands may be rounded to TF32
  std::int64_t row_class = 0;  // of dw, which sums over rows: row_class_of(rows)

  // NOLINTNEXTLINE(modernize-use-nullptr): the check takes the comparison for a 0
  friend auto operator<=>(const LinearProduct&, const LinearProduct&) = default;
};

/// The arrays of D = op(A) op(B) + C; `matrices` says what they are.
struct LinearOperands {
  std::int64_t rows;
  const void* a;  // w, w, x
  const void* b;  // x, dy, dy
  const void* c;  // of the shape of D, or null: 0; may equal d
  void* d;        // y, dx, dw
  const void* bias = nullptr;
  void* sum = nullptr;  // of the shape of D: what gelu is taken of, or was
};

/// (rows,columns), column-major without gaps.
struct ColumnMajor {
  std::int64_t rows, columns;
  bool transposed;  // in the product
};
struct LinearMatrices {
  ColumnMajor a, b, d;
};

inline LinearMatrices matrices(const LinearProduct& p, std::int64_t rows) {
  switch (p.part) {
    case LinearPart::y:
      return {{p.in, p.out, true}, {p.in, rows, false}, {p.out, rows, false}};
    case LinearPart::dx:
      return {{p.in, p.out, false}, {p.out, rows, false}, {p.in, rows, false}};
    default:
      return {{p.in, rows, false}, {p.out, rows, true}, {p.in, p.out, false}};
  }
}

/// Sums over few and over many rows take different algorithms, and so do numbers of rows that fill
/// no vector: the powers of two, and odd numbers below them.
inline std::int64_t row_class_of(std::int64_t rows) {
  const auto power = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(rows)));
  return rows % 8 == 0 ? power : std::max<std::int64_t>(power - 1, 1);
}

/// Numbers of rows that an algorithm must take; it is chosen to be fast for the first.
inline std::vector<std::int64_t> rows_to_choose_for(const LinearProduct& p) {
  if (p.part == LinearPart::dw) return {p.row_class};
  return {8192, 1, 4097};
}

/// What the fast algorithms want of every address and every leading dimension.
constexpr std::int64_t kProductAlignment = 16;

/// Whether every address and leading dimension is a multiple of kProductAlignment bytes. What
/// cuBLASLt takes beyond that is slow and differs with the alignment.
inline bool is_aligned(const LinearProduct& p, const LinearOperands& o) {
  const std::int64_t elements = kProductAlignment / (p.dtype == DType::bf16 ? 2 : 4);
  if (p.in % elements != 0 || p.out % elements != 0) return false;
  std::uintptr_t addresses = 0;
  for (const void* address :
       {o.a, o.b, o.c, static_cast<const void*>(o.d), o.bias, static_cast<const void*>(o.sum)}) {
    addresses |= reinterpret_cast<std::uintptr_t>(address);
  }
  return addresses % kProductAlignment == 0;
}

}  // namespace dnabird::kernels::cuda
