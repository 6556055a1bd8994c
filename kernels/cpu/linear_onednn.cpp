#include "kernels/cpu/linear_onednn.h"

#include <vector>

#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/onednn_product.h"

namespace dnabird::kernels::cpu {

namespace {

// Rows of one call: weights are packed anew in every call, which costs 1 to 3 % of so many rows.
constexpr std::int64_t kMostRows = 256;
// Multiply-adds that are worth a task of their own.
constexpr std::int64_t kTaskWork = 1 << 20;
// Calls take multiples of so many rows and a rest, so that few shapes have to be prepared.
constexpr std::int64_t kRowUnit = 32;
// Rows are summed to gradients of parameters in at most so many groups, each on one thread; then
// the groups in order.
constexpr std::int64_t kGroups = 12;
// Weights of so many elements stay in the second cache while rows are added. A group of larger ones
// has more rows, since its sums are written to memory and read again.
constexpr std::int64_t kSmallWeight = 1 << 17;
constexpr std::int64_t kRowsOfSmall = 192, kRowsOfLarge = 640;
// Floats of all groups' sums.
constexpr std::int64_t kMostSums = 1 << 24;

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

/// What the rows of a group share in backward.
struct Backward {
  const LinearGrad& args;
  std::int64_t group;  // rows; the last group may have fewer
  std::int64_t groups;
  std::int64_t chunk;  // rows that go through all products before the next: they stay in a cache
  float* dw;           // (groups,out,in) sums of each group
  float* dbias;        // (groups,out)
};

std::int64_t divide_up(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }

/// By the shape alone, so that sums do not depend on threads.
Backward plan_backward(const LinearGrad& a) {
  Backward b{a, 0, 0, 0, nullptr, nullptr};
  const std::int64_t weight = a.in * a.out;
  const bool small = weight <= kSmallWeight;
  const std::int64_t most = std::clamp<std::int64_t>(kMostSums / weight, 1, kGroups);
  const std::int64_t wanted = a.rows / (small ? kRowsOfSmall : kRowsOfLarge);
  const std::int64_t groups = std::clamp<std::int64_t>(wanted, 1, most);
  b.group = round_up(divide_up(a.rows, groups), kRowUnit);
  b.groups = divide_up(a.rows, b.group);
  const std::int64_t chunks = divide_up(b.group, small ? kMostRows : 4 * kMostRows);
  b.chunk = round_up(divide_up(b.group, chunks), kRowUnit);
  return b;
}

ProductShape dx_shape(const LinearGrad& a, std::int64_t rows) {
  return {.m = rows,
          .k = a.out,
          .n = a.in,
          .a_row = a.out,
          .a_column = 1,
          .b_row = a.in,
          .b_column = 1};
}

ProductShape dw_shape(const LinearGrad& a, std::int64_t rows, bool adds) {
  return {.m = a.out,
          .k = rows,
          .n = a.in,
          .a_row = 1,
          .a_column = a.out,
          .b_row = a.in,
          .b_column = 1,
          .adds_to_c = adds};
}

/// A chunk of rows with its products; those that are not wanted are null.
struct Chunk {
  RowPart rows;
  std::shared_ptr<const OneDnnProduct> dx, dw;
};

/// The chunks of `rows` rows that begin at 0.
std::vector<Chunk> chunks_of(const Context& context, const Backward& b, std::int64_t rows) {
  std::vector<Chunk> chunks;
  for (const RowPart& part : cut_rows(rows, b.chunk)) {
    Chunk chunk{part, nullptr, nullptr};
    if (b.args.dx) chunk.dx = context.onednn->of(dx_shape(b.args, part.count));
    if (b.args.dw) chunk.dw = context.onednn->of(dw_shape(b.args, part.count, part.begin > 0));
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

std::int64_t scratch_of(const std::vector<Chunk>& chunks) {
  std::vector<std::shared_ptr<const OneDnnProduct>> products;
  for (const Chunk& chunk : chunks) {
    if (chunk.dx) products.push_back(chunk.dx);
    if (chunk.dw) products.push_back(chunk.dw);
  }
  return scratch_of(products);
}

/// All gradients of one group.
void group_backward(const Backward& b, std::int64_t group, const std::vector<Chunk>& chunks,
                    float* scratch) {
  const LinearGrad& a = b.args;
  if (a.dbias) std::fill_n(b.dbias + group * a.out, a.out, 0.0f);
  for (const Chunk& chunk : chunks) {
    const std::int64_t row = group * b.group + chunk.rows.begin;
    const float* dy = floats(a.dy) + row * a.out;
    if (chunk.dw) {
      chunk.dw->run({.a = dy,
                     .b = floats(a.x) + row * a.in,
                     .c = b.dw + group * a.out * a.in,
                     .scratch = scratch});
    }
    if (chunk.dx) {
      chunk.dx->run(
          {.a = dy, .b = floats(a.w), .c = floats(a.dx) + row * a.in, .scratch = scratch});
    }
    if (a.dbias) add_rows(chunk.rows.count, a.out, a.out, dy, b.dbias + group * a.out);
  }
}

/// to (n) += the sums of the groups, in order.
void add_groups(const Context& context, std::int64_t groups, std::int64_t n, const float* sums,
                float* to) {
  for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = 0; g < groups; ++g) {
      const float* from = sums + g * n;
      for (std::int64_t i = begin; i < end; ++i) to[i] += from[i];
    }
  });
}

}  // namespace

void linear_forward_by_onednn(const Context& context, const LinearArgs& a) {
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

void linear_backward_by_onednn(const Context& context, const LinearGrad& a) {
  Backward b = plan_backward(a);
  const std::int64_t last = a.rows - (b.groups - 1) * b.group;
  const std::vector<Chunk> whole = chunks_of(context, b, b.groups > 1 ? b.group : last);
  const std::vector<Chunk> rest = chunks_of(context, b, last);
  const std::int64_t scratch = std::max(scratch_of(whole), scratch_of(rest));
  const PoolArray dw(context.pool, a.dw ? b.groups * a.out * a.in : 0);
  const PoolArray dbias(context.pool, a.dbias ? b.groups * a.out : 0);
  const PoolArray memory(context.pool, context.threads * scratch);
  b.dw = dw.data();
  b.dbias = dbias.data();
  const OnCallersThread one;
  for_each_task(context, b.groups, [&](std::int64_t group, int thread) {
    group_backward(b, group, group == b.groups - 1 ? rest : whole,
                   memory.data() + thread * scratch);
  });
  if (a.dw) add_groups(context, b.groups, a.out * a.in, b.dw, floats(a.dw));
  if (a.dbias) add_groups(context, b.groups, a.out, b.dbias, floats(a.dbias));
}

}  // namespace dnabird::kernels::cpu
