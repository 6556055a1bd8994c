#include "kernels/cpu/linear_onednn.h"

#include <optional>
#include <vector>

#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/onednn_product.h"
#include "kernels/cpu/packed_weights.h"

namespace dnabird::kernels::cpu {

namespace {

// Rows of one product; with a gelu, what they give still lies in the second cache when it comes.
constexpr std::int64_t kMostRows = 256;
constexpr std::int64_t kNearBytes = 768 << 10;
// Multiply-adds that are worth a task of their own.
constexpr std::int64_t kTaskWork = 1 << 20;
// Calls take multiples of so many rows and a rest, so that few shapes have to be prepared.
constexpr std::int64_t kRowUnit = 32;
// Rows are summed to gradients of parameters in at most so many groups; then the groups in order.
constexpr std::int64_t kGroups = 12;
// Where there are fewer groups, each is so many tasks that there are as many in all, but none with
// fewer columns of dy than this.
constexpr std::int64_t kFewestColumns = 64, kColumnUnit = 16;
// Weights of so many elements stay in the second cache while rows are added. A group of larger ones
// has more rows, since its sums are written to memory and read again.
constexpr std::int64_t kSmallWeight = 1 << 17;
constexpr std::int64_t kRowsOfSmall = 192, kRowsOfLarge = 640;
// Floats of all groups' sums.
constexpr std::int64_t kMostSums = 1 << 24;

template <class T>
constexpr DType kType = sizeof(T) == sizeof(float) ? DType::f32 : DType::bf16;

enum class Packed { kept, for_this_call };

/// A weight in the layout of its products: what is kept of it, or packed for a scope.
class PackedWeight {
 public:
  PackedWeight(const Context& context, const float* weight, const WeightShape& shape,
               Packed wanted) {
    const auto packing = context.onednn->packing(shape);
    const OneDnnThreads all(context.threads);
    if (wanted == Packed::kept) packed_ = context.weights->find(weight, shape, *packing);
    if (packed_) return;
    mine_.emplace(context.pool, packing->bytes());
    packing->run(weight, mine_->data());
    packed_ = mine_->data();
  }
  const void* data() const { return packed_; }

 private:
  std::optional<PoolBuffer<std::byte>> mine_;
  const void* packed_ = nullptr;
};

/// w (out,in) as the right side of x w^T
template <class T>
WeightShape forward_weight(std::int64_t in, std::int64_t out) {
  return {.k = in, .n = out, .row = 1, .column = in, .dtype = kType<T>};
}

/// and of dy w
template <class T>
WeightShape backward_weight(std::int64_t in, std::int64_t out) {
  return {.k = out, .n = in, .row = in, .column = 1, .dtype = kType<T>};
}

using SharedProduct = std::shared_ptr<const OneDnnProduct>;

/// Part of the rows, or of the columns: [begin, begin + count).
struct Part {
  std::int64_t begin, count;
};

/// Cuts rows into parts of `most` (a multiple of kRowUnit), a multiple of kRowUnit, and a rest.
std::vector<Part> cut_rows(std::int64_t rows, std::int64_t most) {
  std::vector<Part> parts;
  for (std::int64_t begin = 0; begin < rows; begin += parts.back().count) {
    const std::int64_t left = rows - begin;
    const std::int64_t units = left / kRowUnit * kRowUnit;
    parts.push_back({begin, std::min(most, units > 0 ? units : left)});
  }
  return parts;
}

/// Rows of one task of forward.
template <class T>
std::int64_t rows_at_once(const Context& context, const LinearArgs& a) {
  const std::int64_t share = a.rows / (2 * context.threads) + 1;
  const std::int64_t worth = kTaskWork / (a.in * a.out) + 1;
  std::int64_t most = kMostRows;
  if (a.gelu) {
    const std::int64_t row_bytes = a.out * static_cast<std::int64_t>(sizeof(T));
    most = std::clamp(kNearBytes / row_bytes / kRowUnit * kRowUnit, 2 * kRowUnit, kMostRows);
  }
  return std::min(round_up(std::max(share, worth), kRowUnit), most);
}

std::int64_t scratch_of(const std::vector<SharedProduct>& products) {
  std::size_t most = 0;
  for (const auto& product : products) most = std::max(most, product->scratch_bytes());
  return round_up(static_cast<std::int64_t>(most), 64);
}

/// What the rows of a group share in backward.
struct Backward {
  const LinearGrad& args;
  std::int64_t group;  // rows; the last group may have fewer
  std::int64_t groups;
  std::int64_t chunk;  // rows that go through all products before the next: they stay in a cache
  std::int64_t slice;  // columns of dy that a task sums; the last slice may have fewer
  std::int64_t slices;
  const void* weight;  // packed
  float* dw;           // (groups,out,in) sums of each group
  float* dbias;        // (groups,out)
};

std::int64_t divide_up(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }

/// By the shape alone, so that sums do not depend on threads.
Backward plan_backward(const LinearGrad& a) {
  Backward b{a, 0, 0, 0, 0, 0, nullptr, nullptr, nullptr};
  const std::int64_t weight = a.in * a.out;
  const bool small = weight <= kSmallWeight;
  const std::int64_t most = std::clamp<std::int64_t>(kMostSums / weight, 1, kGroups);
  const std::int64_t wanted = a.rows / (small ? kRowsOfSmall : kRowsOfLarge);
  const std::int64_t groups = std::clamp<std::int64_t>(wanted, 1, most);
  b.group = round_up(divide_up(a.rows, groups), kRowUnit);
  b.groups = divide_up(a.rows, b.group);
  const std::int64_t chunks = divide_up(b.group, small ? kMostRows : 4 * kMostRows);
  b.chunk = round_up(divide_up(b.group, chunks), kRowUnit);
  const std::int64_t slices = divide_up(kGroups, b.groups);
  b.slice =
      round_up(std::max(divide_up(a.out, slices), std::min(kFewestColumns, a.out)), kColumnUnit);
  b.slices = divide_up(a.out, b.slice);
  return b;
}

template <class T>
ProductShape dx_shape(const LinearGrad& a, std::int64_t rows) {
  return {.m = rows,
          .k = a.out,
          .n = a.in,
          .a_row = a.out,
          .a_column = 1,
          .adds_to_c = a.dx_start != nullptr,
          .operands = kType<T>,
          .result = kType<T>};
}

template <class T>
ProductShape dw_shape(const LinearGrad& a, std::int64_t columns, std::int64_t rows, bool adds) {
  return {.m = columns,
          .k = rows,
          .n = a.in,
          .a_row = 1,
          .a_column = a.out,
          .b_row = a.in,
          .b_column = 1,
          .adds_to_c = adds,
          .operands = kType<T>};
}

/// What one slice does with a chunk: dw and dbias of its columns from all rows, dx of its part of
/// the rows. Products that are not wanted, or have no rows, are null.
struct Share {
  Part columns, dx_rows;
  SharedProduct dw, dx;
};

/// A chunk of rows, and the share of each slice.
struct Chunk {
  Part rows;
  std::vector<Share> shares;
};

/// The chunks of `rows` rows that begin at 0.
template <class T>
std::vector<Chunk> chunks_of(const Context& context, const Backward& b, std::int64_t rows) {
  const LinearGrad& a = b.args;
  std::vector<Chunk> chunks;
  for (const Part& part : cut_rows(rows, b.chunk)) {
    Chunk chunk{part, {}};
    const std::int64_t step = round_up(divide_up(part.count, b.slices), kRowUnit);
    for (std::int64_t s = 0; s < b.slices; ++s) {
      const std::int64_t first = std::min(s * step, part.count);
      Share share{{s * b.slice, std::min(b.slice, a.out - s * b.slice)},
                  {part.begin + first, std::min(step, part.count - first)},
                  nullptr,
                  nullptr};
      if (a.dx && share.dx_rows.count > 0) {
        share.dx = context.onednn->of(dx_shape<T>(a, share.dx_rows.count),
                                      backward_weight<T>(a.in, a.out));
      }
      if (a.dw) {
        share.dw =
            context.onednn->of(dw_shape<T>(a, share.columns.count, part.count, part.begin > 0));
      }
      chunk.shares.push_back(std::move(share));
    }
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

std::int64_t scratch_of(const std::vector<Chunk>& chunks) {
  std::vector<SharedProduct> products;
  for (const Chunk& chunk : chunks) {
    for (const Share& share : chunk.shares) {
      if (share.dx) products.push_back(share.dx);
      if (share.dw) products.push_back(share.dw);
    }
  }
  return scratch_of(products);
}

/// All gradients of one slice of one group.
template <class T>
void slice_backward(const ElementLoops<T>& loops, const Backward& b, std::int64_t task,
                    const std::vector<Chunk>& chunks, void* scratch) {
  const LinearGrad& a = b.args;
  const std::int64_t group = task / b.slices, slice = task % b.slices;
  const std::int64_t column = slice * b.slice, sums = group * a.out + column;
  if (a.dbias) std::fill_n(b.dbias + sums, std::min(b.slice, a.out - column), 0.0f);
  for (const Chunk& chunk : chunks) {
    const Share& share = chunk.shares[slice];
    const std::int64_t row = group * b.group + chunk.rows.begin;
    const T* dy = as<T>(a.dy) + row * a.out + column;
    if (share.dw) {
      share.dw->run(
          {.a = dy, .b = as<T>(a.x) + row * a.in, .c = b.dw + sums * a.in, .scratch = scratch});
    }
    if (share.dx) {
      const std::int64_t first = group * b.group + share.dx_rows.begin;
      T* dx = as<T>(a.dx) + first * a.in;
      if (a.dx_start && a.dx_start != a.dx) {
        std::copy_n(as<T>(a.dx_start) + first * a.in, share.dx_rows.count * a.in, dx);
      }
      share.dx->run({.a = as<T>(a.dy) + first * a.out, .b = b.weight, .c = dx, .scratch = scratch});
      if (a.gelu_of_x) {
        const T* before = as<T>(a.before_gelu) + first * a.in;
        loops.gelu_backward(*a.gelu_of_x, share.dx_rows.count * a.in, before, dx, dx);
      }
    }
    if (a.dbias) add_rows(chunk.rows.count, share.columns.count, a.out, dy, b.dbias + sums);
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

template <class T>
void linear_forward_by_onednn(const Context& context, const LinearArgs& a) {
  const WeightShape weight = forward_weight<T>(a.in, a.out);
  const PackedWeight w(context, floats(a.w), weight, Packed::kept);
  const std::vector<Part> parts = cut_rows(a.rows, rows_at_once<T>(context, a));
  std::vector<SharedProduct> products;
  products.reserve(parts.size());
  for (const Part& part : parts) {
    products.push_back(context.onednn->of({.m = part.count,
                                           .k = a.in,
                                           .n = a.out,
                                           .a_row = a.in,
                                           .a_column = 1,
                                           .has_bias = a.bias != nullptr,
                                           .operands = kType<T>,
                                           .result = kType<T>},
                                          weight));
  }
  const std::int64_t scratch = scratch_of(products);
  const PoolBuffer<std::byte> memory(context.pool, context.threads * scratch);
  const OneDnnThreads one(1);
  const auto run = [&](std::int64_t task, int thread) {
    const Part& part = parts[task];
    T* y = as<T>(a.y) + part.begin * a.out;
    T* sum = a.before_gelu ? as<T>(a.before_gelu) + part.begin * a.out : y;
    products[task]->run({.a = as<T>(a.x) + part.begin * a.in,
                         .b = w.data(),
                         .c = sum,
                         .bias = floats(a.bias),
                         .scratch = memory.data() + thread * scratch});
    if (a.gelu) context.tier.loops<T>().gelu_forward(*a.gelu, part.count * a.out, sum, y);
  };
  for_each_task(context, static_cast<std::int64_t>(parts.size()), run);
}

template <class T>
void linear_backward_by_onednn(const Context& context, const LinearGrad& a) {
  Backward b = plan_backward(a);
  std::optional<PackedWeight> weight;
  if (a.dx) {  // which training needs once before it changes
    weight.emplace(context, floats(a.w), backward_weight<T>(a.in, a.out), Packed::for_this_call);
  }
  const std::int64_t last = a.rows - (b.groups - 1) * b.group;
  const std::vector<Chunk> whole = chunks_of<T>(context, b, b.groups > 1 ? b.group : last);
  const std::vector<Chunk> rest = chunks_of<T>(context, b, last);
  const std::int64_t scratch = std::max(scratch_of(whole), scratch_of(rest));
  const PoolArray dw(context.pool, a.dw ? b.groups * a.out * a.in : 0);
  const PoolArray dbias(context.pool, a.dbias ? b.groups * a.out : 0);
  const PoolBuffer<std::byte> memory(context.pool, context.threads * scratch);
  b.weight = weight ? weight->data() : nullptr;
  b.dw = dw.data();
  b.dbias = dbias.data();
  const OneDnnThreads one(1);
  for_each_task(context, b.groups * b.slices, [&](std::int64_t task, int thread) {
    slice_backward<T>(context.tier.loops<T>(), b, task,
                      task / b.slices == b.groups - 1 ? rest : whole,
                      memory.data() + thread * scratch);
  });
  if (a.dw) add_groups(context, b.groups, a.out * a.in, b.dw, floats(a.dw));
  if (a.dbias) add_groups(context, b.groups, a.out, b.dbias, floats(a.dbias));
}

template void linear_forward_by_onednn<float>(const Context&, const LinearArgs&);
template void linear_forward_by_onednn<Bf16>(const Context&, const LinearArgs&);
template void linear_backward_by_onednn<float>(const Context&, const LinearGrad&);
template void linear_backward_by_onednn<Bf16>(const Context&, const LinearGrad&);

}  // namespace dnabird::kernels::cpu
