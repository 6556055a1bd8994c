// The linear layer on CUDA, as far as a host can run it: how its products are described to
// cuBLASLt, when that is asked at all, and the own kernel for the rest, its threads one by one.
#include <gtest/gtest.h>

#include <array>
#include <utility>
#include <vector>

#include "kernels/cuda/linear_products.h"
#include "kernels/cuda/plain_product.h"
#include "support/random_values.h"

namespace dnabird::test {
namespace {

using namespace kernels::cuda;
using kernels::DType;
using Floats = std::vector<float>;

/// Small integers, so that sums are exact in any order.
Floats integers(RandomValues& random, std::int64_t n) {
  Floats values;
  for (const std::int32_t value : random.integers(n, 9)) {
    values.push_back(static_cast<float>(value - 4));
  }
  return values;
}

/// The arrays of a layer and its products, by the definition.
struct Layer {
  Layer(std::int64_t its_rows, std::int64_t its_in, std::int64_t its_out)
      : rows(its_rows), in(its_in), out(its_out) {
    RandomValues random(31);
    x = integers(random, rows * in);
    w = integers(random, out * in);
    dy = integers(random, rows * out);
    y.resize(dy.size());
    dx.resize(x.size());
    dw.resize(w.size());
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t o = 0; o < out; ++o) {
        for (std::int64_t i = 0; i < in; ++i) {
          y[r * out + o] += x[r * in + i] * w[o * in + i];
          dx[r * in + i] += dy[r * out + o] * w[o * in + i];
          dw[o * in + i] += dy[r * out + o] * x[r * in + i];
        }
      }
    }
  }
  std::int64_t rows, in, out;
  Floats x, w, dy, y, dx, dw;
};

/// op(A) op(B) as cuBLASLt does it.
Floats column_major_product(const LinearMatrices& shapes, const Floats& a, const Floats& b) {
  const auto at = [](const ColumnMajor& matrix, const Floats& elements, std::int64_t row,
                     std::int64_t column) {
    if (matrix.transposed) std::swap(row, column);
    EXPECT_LT(row, matrix.rows);
    EXPECT_LT(column, matrix.columns);
    return elements[row + column * matrix.rows];
  };
  const std::int64_t k = shapes.a.transposed ? shapes.a.rows : shapes.a.columns;
  EXPECT_EQ(k, shapes.b.transposed ? shapes.b.columns : shapes.b.rows);
  Floats d(shapes.d.rows * shapes.d.columns);
  for (std::int64_t column = 0; column < shapes.d.columns; ++column) {
    for (std::int64_t row = 0; row < shapes.d.rows; ++row) {
      for (std::int64_t p = 0; p < k; ++p) {
        d[row + column * shapes.d.rows] += at(shapes.a, a, row, p) * at(shapes.b, b, p, column);
      }
    }
  }
  return d;
}

TEST(CudaLinearTest, ColumnMajorProductsAreThoseOfTheLayer) {
  const Layer l(7, 5, 3);
  const auto shapes = [&](LinearPart part) {
    return matrices({part, l.in, l.out, DType::f32}, l.rows);
  };
  EXPECT_EQ(column_major_product(shapes(LinearPart::y), l.w, l.x), l.y);
  EXPECT_EQ(column_major_product(shapes(LinearPart::dx), l.w, l.dy), l.dx);
  EXPECT_EQ(column_major_product(shapes(LinearPart::dw), l.x, l.dy), l.dw);
}

TEST(CudaLinearTest, OneAlgorithmServesAllRowsButOfSumsOverThem) {
  const auto fastest = [](const LinearProduct& p) { return rows_to_choose_for(p).front(); };
  EXPECT_EQ(fastest({LinearPart::y, 768, 768, DType::bf16}), 8192);
  EXPECT_EQ(fastest({LinearPart::dx, 768, 768, DType::bf16}), 8192);
  LinearProduct dw{LinearPart::dw, 768, 768, DType::bf16};
  for (const auto& [rows, row_class] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1},
                                                          {2, 1},
                                                          {4, 3},
                                                          {7, 7},
                                                          {8, 8},
                                                          {9, 15},
                                                          {1024, 1024},
                                                          {1032, 2048},
                                                          {1025, 2047}}) {
    dw.row_class = row_class_of(rows);
    EXPECT_EQ(dw.row_class, row_class) << rows;
    EXPECT_EQ(fastest(dw), row_class);
  }
  EXPECT_NE(dw, LinearProduct({LinearPart::dw, 768, 768, DType::bf16}));
}

TEST(CudaLinearTest, AsksForAlignedArraysOnly) {
  alignas(64) static float memory[64];
  const auto aligned = [](std::int64_t in, std::int64_t out, DType dtype, const float* x,
                          const float* bias = nullptr) {
    return is_aligned({LinearPart::y, in, out, dtype},
                      {9, memory, x, nullptr, memory, bias, nullptr});
  };
  EXPECT_TRUE(aligned(128, 8, DType::bf16, memory));
  EXPECT_FALSE(aligned(128, 4, DType::bf16, memory));
  EXPECT_TRUE(aligned(128, 4, DType::f32, memory));
  for (const std::int64_t odd : {1, 2, 5, 7, 13, 69}) {
    EXPECT_FALSE(aligned(128, odd, DType::f32, memory));
    EXPECT_FALSE(aligned(odd, 128, DType::f32, memory));
  }
  EXPECT_FALSE(aligned(128, 8, DType::f32, memory + 1));
  EXPECT_TRUE(aligned(128, 8, DType::f32, memory + 4, memory + 8));
  EXPECT_FALSE(aligned(128, 8, DType::f32, memory, memory + 2));
}

/// C of each group, as the threads of the device compute it.
Floats plain_product(const PlainMatrices<float>& matrices) {
  using Product = PlainProduct<float>;
  Floats c(matrices.groups * matrices.m * matrices.n, -1000.0f);
  for (std::int64_t block = 0; block < Product::blocks(matrices); ++block) {
    Product::Shared shared;
    std::vector<Product> threads;
    threads.reserve(Product::kThreads);
    for (int t = 0; t < Product::kThreads; ++t) threads.emplace_back(matrices, block, t);
    for (std::int64_t chunk = 0; chunk < threads.front().chunks(); ++chunk) {
      for (const Product& thread : threads) thread.load(chunk, shared);
      for (Product& thread : threads) thread.add(shared);
    }
    for (const Product& thread : threads) {
      thread.finish([&](std::int64_t group, std::int64_t row, std::int64_t column, float sum) {
        float& element = c[(group * matrices.m + row) * matrices.n + column];
        EXPECT_EQ(element, -1000.0f) << "written twice";
        element = sum;
      });
    }
  }
  return c;
}

TEST(CudaLinearTest, OwnKernelGivesTheProductsOfOddShapes) {
  for (const auto& [rows, in, out] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {1, 13, 3}, {129, 64, 1}, {5, 100, 7}, {70, 65, 130}, {64, 16, 64}}) {
    const Layer l(rows, in, out);
    EXPECT_EQ(plain_product({rows, out, in, l.x.data(), in, 1, l.w.data(), 1, in, in, 1}), l.y);
    EXPECT_EQ(plain_product({rows, in, out, l.dy.data(), out, 1, l.w.data(), in, 1, out, 1}), l.dx);
    for (const std::int64_t group : {rows, (rows + 1) / 2, (rows + 4) / 5}) {
      const std::int64_t groups = (rows + group - 1) / group;
      const Floats parts =
          plain_product({out, in, rows, l.dy.data(), 1, out, l.x.data(), in, 1, group, groups});
      Floats sum(l.dw.size());
      for (std::size_t i = 0; i < parts.size(); ++i) sum[i % sum.size()] += parts[i];
      EXPECT_EQ(sum, l.dw) << rows << " rows in groups of " << group;
    }
  }
}

TEST(CudaLinearTest, GroupsOfRowsCoverThemAll) {
  for (const std::int64_t rows : {1, 255, 256, 513, 5000, 100000}) {
    for (const std::int64_t elements : {1, 768 * 69, 768 * 3072, 1 << 28}) {
      const PlainGroups groups = plain_groups(rows, elements);
      EXPECT_GE(groups.rows * groups.count, rows);
      EXPECT_LT(groups.rows * (groups.count - 1), rows);
      EXPECT_TRUE(groups.count == 1 || groups.count * elements <= 1 << 24);
    }
  }
}

}  // namespace
}  // namespace dnabird::test
