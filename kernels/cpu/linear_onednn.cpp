#include "kernels/cpu/linear_onednn.h"

#include <vector>

#include "kernels/cpu/onednn_product.h"

namespace dnabird::kernels::cpu {

namespace {

// Rows of one call: weights are packed anew in every call, which costs 1 to 3 % of so many rows.
constexpr std::int64_t kMostRows = 256;
// Multiply-adds that are worth a task of their own.
constexpr std::int64_t kTaskWork = 1 << 20;
// Calls take multiples of so many rows and a rest, so that few shapes have to be prepared.
constexpr std::int64_t kRowUnit = 32;
// Rows that one call adds up to the gradient of a weight.
constexpr std::int64_t kDepth = 1024;

/// Part of the rows: [begin, begin + count).
struct RowPart {
  std::int64_t begin, count;
};

/// Cuts rows into parts of `most` (a multiple of kRowUnit), a multiple of kRowUnit, and a rest.
std::vector<RowPart> cut_rows(std::int64_t rows, std::int64_t most) {
  std::vector<RowPart> parts;
  for (std::int64_t begin = 0; begin < rows; begin += parts.back().count) {
    const std::int64_t left = rows - begin;
    const std::int64_t units = left / kRowUnit * kRowUnit;
    parts.push_back({begin, std::min(most, units > 0 ? units : left)});
  }
  return parts;
}

/// The product of each part's size; `shape_of` gives a part's shape.
template <class ShapeOf>
std::vector<std::shared_ptr<const OneDnnProduct>> products_of(const Context& context,
                                                              const std::vector<RowPart>& parts,
                                                              const ShapeOf& shape_of) {
  std::vector<std::shared_ptr<const OneDnnProduct>> products;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool repeats = i > 0 && parts[i].count == parts[i - 1].count;
    products.push_back(repeats ? products.back() : context.onednn->of(shape_of(parts[i].count)));
  }
  return products;
}

/// Floats of scratch that fit each of the products, in whole cache lines.
std::int64_t scratch_of(const std::vector<std::shared_ptr<const OneDnnProduct>>& products) {
  std::int64_t most = 0;
  for (const auto& product : products) {
    most = std::max(most, static_cast<std::int64_t>(product->scratch_floats()));
  }
  return round_up(most, kMostLanes);
}

/// c (rows,n) = a (rows,k) b (+ bias); `shape` is that of one row.
void multiply_rows(const Context& context, std::int64_t rows, const ProductShape& shape,
                   const ProductArrays& whole) {
  const std::int64_t share = rows / (2 * context.threads) + 1;
  const std::int64_t worth = kTaskWork / (shape.k * shape.n) + 1;
  const std::int64_t most = std::min(round_up(std::max(share, worth), kRowUnit), kMostRows);
  const std::vector<RowPart> parts = cut_rows(rows, most);
  const auto products = products_of(context, parts, [&](std::int64_t count) {
    ProductShape part = shape;
    part.m = count;
    return part;
  });
  const std::int64_t scratch = scratch_of(products);
  const PoolArray memory(context.pool, context.threads * scratch);
  const OnCallersThread one;
  for_each_task(context, static_cast<std::int64_t>(parts.size()),
                [&](std::int64_t task, int thread) {
                  ProductArrays arrays = whole;
                  arrays.a += parts[task].begin * shape.k;
                  arrays.c += parts[task].begin * shape.n;
                  arrays.scratch = memory.data() + thread * scratch;
                  products[task]->run(arrays);
                });
}

/// Rows of dw that are a task: by the shape alone.
std::int64_t rows_of_weight_task(std::int64_t out) {
  return std::clamp<std::int64_t>(round_up(out / 8, 16), 32, 128);
}

}  // namespace

void linear_rows_by_onednn(const Context& context, const LinearArgs& a) {
  const ProductShape shape{.m = 1,
                           .k = a.in,
                           .n = a.out,
                           .a_row = a.in,
                           .a_column = 1,
                           .b_row = 1,
                           .b_column = a.in,
                           .has_bias = a.bias != nullptr};
  multiply_rows(context, a.rows, shape,
                {.a = floats(a.x), .b = floats(a.w), .c = floats(a.y), .bias = floats(a.bias)});
}

void linear_dx_by_onednn(const Context& context, const LinearGrad& a) {
  const ProductShape shape{
      .m = 1, .k = a.out, .n = a.in, .a_row = a.out, .a_column = 1, .b_row = a.in, .b_column = 1};
  multiply_rows(context, a.rows, shape, {.a = floats(a.dy), .b = floats(a.w), .c = floats(a.dx)});
}

void linear_dw_by_onednn(const Context& context, const LinearGrad& a) {
  const std::int64_t most = std::min(a.out, rows_of_weight_task(a.out));
  const std::int64_t tasks = (a.out + most - 1) / most, last = a.out - (tasks - 1) * most;
  const std::vector<RowPart> parts = cut_rows(a.rows, kDepth);
  const auto shape_of = [&](std::int64_t rows_of_dw) {
    return [&a, rows_of_dw](std::int64_t depth) {
      return ProductShape{.m = rows_of_dw,
                          .k = depth,
                          .n = a.in,
                          .a_row = 1,
                          .a_column = a.out,
                          .b_row = a.in,
                          .b_column = 1,
                          .adds_to_c = true};
    };
  };
  const auto whole = products_of(context, parts, shape_of(most));
  const auto rest = products_of(context, parts, shape_of(last));
  const std::int64_t scratch = std::max(scratch_of(whole), scratch_of(rest));
  const PoolArray memory(context.pool, context.threads * scratch);
  const OnCallersThread one;
  for_each_task(context, tasks, [&](std::int64_t task, int thread) {
    const auto& products = task == tasks - 1 ? rest : whole;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      products[i]->run({.a = floats(a.dy) + parts[i].begin * a.out + task * most,
                        .b = floats(a.x) + parts[i].begin * a.in,
                        .c = floats(a.dw) + task * most * a.in,
                        .scratch = memory.data() + thread * scratch});
    }
  });
}

}  // namespace dnabird::kernels::cpu
