#include "kernels/cpu/linear_tiles.h"

#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/gelu.h"

namespace dnabird::kernels::cpu {

namespace {

// A block of depth: its panel of the right side (16 columns) and a tile's rows of the left side
// stay in the first cache. Fixed, since it decides the order of additions.
constexpr std::int64_t kDepth = 256;
// What one task reads of the left side and writes stays in the second cache.
constexpr std::int64_t kMostRows = 144;
constexpr std::int64_t kColumns = 256;

enum class Side { as_it_is, transposed };

/// The right side of a product, packed by blocks of kDepth.
struct PackedRight {
  Side side;
  std::int64_t depth, columns;
  std::int64_t wide_columns = 0;  // up to whole panels
  float* data = nullptr;

  std::int64_t block_depth(std::int64_t begin) const { return std::min(kDepth, depth - begin); }
  /// The panel that holds `column`, at the block of depth that begins at `begin`.
  float* panel(std::int64_t begin, std::int64_t column) const {
    return data + begin * wide_columns + column * block_depth(begin);
  }
};

/// Packs b: a (depth,columns) matrix, or the transpose of a (columns,depth) one.
void pack_right(const Context& context, const float* b, const PackedRight& to) {
  const std::int64_t panel = context.tier.panel;
  const std::int64_t blocks = (to.depth + kDepth - 1) / kDepth;
  const std::int64_t groups = (to.columns + kColumns - 1) / kColumns;
  for_each_task(context, blocks * groups, [&](std::int64_t task, int) {
    const std::int64_t begin = task % blocks * kDepth, column = task / blocks * kColumns;
    Packing p{.depth = to.block_depth(begin),
              .columns = std::min(kColumns, to.columns - column),
              .from = nullptr,
              .stride = to.side == Side::as_it_is ? to.columns : to.depth,
              .to = to.panel(begin, column),
              .panel_stride = to.block_depth(begin) * panel};
    if (to.side == Side::as_it_is) {
      p.from = b + begin * p.stride + column;
      context.tier.pack_rows(p);
    } else {
      p.from = b + column * p.stride + begin;
      context.tier.pack_transposed(p);
    }
  });
}

/// What a product is added to, and where the sum goes.
struct Sum {
  Start start;
  const float* bias;  // (columns) if it starts with that
  float* c;           // (rows,columns)
};

/// c (rows,columns) = its start + a b
void multiply_rows(const Context& context, std::int64_t rows, const float* a, const PackedRight& b,
                   const Sum& sum) {
  const std::int64_t tile = context.tier.tile_rows;
  const std::int64_t share = rows / (4 * context.threads) + 1;
  const std::int64_t chunk = std::min(round_up(share, tile), round_up(kMostRows, tile));
  const std::int64_t chunks = (rows + chunk - 1) / chunk;
  const std::int64_t groups = (b.columns + kColumns - 1) / kColumns;
  for_each_task(context, chunks * groups, [&](std::int64_t task, int) {
    const std::int64_t row = task / groups * chunk, column = task % groups * kColumns;
    for (std::int64_t begin = 0; begin < b.depth; begin += kDepth) {
      context.tier.product({.rows = std::min(chunk, rows - row),
                            .columns = std::min(kColumns, b.columns - column),
                            .depth = b.block_depth(begin),
                            .a = a + row * b.depth + begin,
                            .a_stride = b.depth,
                            .b = b.panel(begin, column),
                            .b_panel = b.block_depth(begin) * context.tier.panel,
                            .c = sum.c + row * b.columns + column,
                            .c_stride = b.columns,
                            .bias = sum.bias ? sum.bias + column : nullptr,
                            .start = begin > 0 ? Start::add : sum.start});
    }
  });
}

void product_with(const Context& context, std::int64_t rows, const float* a, const float* b,
                  PackedRight packed, const Sum& sum) {
  packed.wide_columns = round_up(packed.columns, context.tier.panel);
  const PoolArray memory(context.pool, packed.depth * packed.wide_columns);
  packed.data = memory.data();
  pack_right(context, b, packed);
  multiply_rows(context, rows, a, packed, sum);
}

/// One task of dw += dy^T x: rows [row, row + rows) and columns [column, column + columns) of dw.
struct WeightTask {
  std::int64_t row, rows, column, columns;
  float *left, *right;  // scratch: kDepth times whole panels of rows and of columns
};

void weight_gradient(const Context& context, const LinearGrad& a, const WeightTask& t) {
  const Tier& tier = context.tier;
  for (std::int64_t begin = 0; begin < a.rows; begin += kDepth) {
    const std::int64_t depth = std::min(kDepth, a.rows - begin);
    tier.pack_left({.depth = depth,
                    .columns = t.rows,
                    .from = floats(a.dy) + begin * a.out + t.row,
                    .stride = a.out,
                    .to = t.left,
                    .panel_stride = depth * tier.tile_rows});
    tier.pack_rows({.depth = depth,
                    .columns = t.columns,
                    .from = floats(a.x) + begin * a.in + t.column,
                    .stride = a.in,
                    .to = t.right,
                    .panel_stride = depth * tier.panel});
    tier.product({.rows = t.rows,
                  .columns = t.columns,
                  .depth = depth,
                  .a = t.left,
                  .a_stride = depth * tier.tile_rows,
                  .b = t.right,
                  .b_panel = depth * tier.panel,
                  .c = floats(a.dw) + t.row * a.in + t.column,
                  .c_stride = a.in,
                  .start = Start::add,
                  .a_layout = Layout::packed});
  }
}

void weight_gradients(const Context& context, const LinearGrad& a) {
  const std::int64_t tile = context.tier.tile_rows;
  const std::int64_t groups = (a.in + kColumns - 1) / kColumns;
  const std::int64_t share = a.out * groups / (3 * context.threads) + 1;
  const std::int64_t chunk = std::min(round_up(share, tile), round_up(kMostRows, tile));
  const std::int64_t chunks = (a.out + chunk - 1) / chunk;
  const std::int64_t left = kDepth * chunk, right = kDepth * kColumns;
  const PoolArray scratch(context.pool, context.threads * (left + right));
  for_each_task(context, chunks * groups, [&](std::int64_t task, int thread) {
    WeightTask t;
    t.row = task % chunks * chunk;
    t.rows = std::min(chunk, a.out - t.row);
    t.column = task / chunks * kColumns;
    t.columns = std::min(kColumns, a.in - t.column);
    t.left = scratch.data() + thread * (left + right);
    t.right = t.left + left;
    weight_gradient(context, a, t);
  });
}

}  // namespace

void linear_forward_by_tiles(const Context& context, const LinearArgs& a) {
  float* sum = floats(a.before_gelu ? a.before_gelu : a.y);
  product_with(context, a.rows, floats(a.x), floats(a.w),
               {.side = Side::transposed, .depth = a.in, .columns = a.out},
               {a.bias ? Start::bias : Start::zero, floats(a.bias), sum});
  if (a.gelu) gelu_forward<float>(context, *a.gelu, a.rows * a.out, sum, a.y);
}

void linear_backward_by_tiles(const Context& context, const LinearGrad& a) {
  if (a.dx) {
    if (a.dx_start && a.dx_start != a.dx) {
      std::copy_n(floats(a.dx_start), a.rows * a.in, floats(a.dx));
    }
    product_with(context, a.rows, floats(a.dy), floats(a.w),
                 {.side = Side::as_it_is, .depth = a.out, .columns = a.in},
                 {a.dx_start ? Start::add : Start::zero, nullptr, floats(a.dx)});
    if (a.gelu_of_x) {
      gelu_backward<float>(context, *a.gelu_of_x, {a.rows * a.in, a.before_gelu, a.dx, a.dx});
    }
  }
  if (a.dw) weight_gradients(context, a);
  if (a.dbias) add_column_sums(context, a.rows, a.out, floats(a.dy), floats(a.dbias));
}

}  // namespace dnabird::kernels::cpu
