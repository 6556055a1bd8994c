#include "kernels/cuda/ops/layer_norm.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "kernels/cuda/ops/dropout.h"
#include "kernels/cuda/ops/layer_norm_long.cuh"
#include "kernels/cuda/ops/layer_norm_rows.cuh"
#include "kernels/cuda/ops/row_sums.cuh"

namespace dnabird::kernels::cuda {

namespace {

/// What to launch for rows of one length.
template <class View>
struct NormKernel {
  void (*kernel)(View);
  int rows, threads;  // of a thread block
  int blocks;         // that fit a multiprocessor; of backward
};

template <class View, class T, int kWarps, int kPacks>
NormKernel<View> in_registers() {
  constexpr int kRows = NormLayout<T, kWarps, kPacks>::kRows;
  if constexpr (std::is_same_v<View, LayerNormRows>) {
    return {layer_norm_forward_kernel<T, kWarps, kPacks>, kRows, kNormThreads, 0};
  } else {
    return {layer_norm_backward_kernel<T, kWarps, kPacks>, kRows, kNormThreads,
            kNormGradBlocks<T, kPacks>};
  }
}

constexpr std::int64_t kMostInRegisters = 4096;  // channels

/// By the number of channels only, on which alone the order of a row's sums depends.
template <class View, class T>
NormKernel<View> pick_kernel(std::int64_t channels) {
  constexpr int kPacks = 8 / (kPackSize<T> / 4);  // for 32 elements of a thread
  if constexpr (kPacks == 8) {
    if (channels <= 128) return in_registers<View, T, 1, 1>();
  }
  if (channels <= 256) return in_registers<View, T, 1, kPacks / 4>();
  if (channels <= 512) return in_registers<View, T, 1, kPacks / 2>();
  if (channels <= 768) return in_registers<View, T, 1, kPacks / 4 * 3>();
  if (channels <= 1024) return in_registers<View, T, 1, kPacks>();
  if (channels <= 2048) return in_registers<View, T, kNormWarps, kPacks / 2>();
  if (channels <= kMostInRegisters) return in_registers<View, T, kNormWarps, kPacks>();
  if constexpr (std::is_same_v<View, LayerNormRows>) {
    return {layer_norm_long_forward_kernel<T>, 1, kLongNormThreads, 0};
  } else {
    return {layer_norm_long_backward_kernel<T>, 1, kLongNormThreads, 4};
  }
}

void check_channels(std::int64_t channels) {
  if (channels > std::numeric_limits<int>::max() / 2) {
    throw std::invalid_argument("layer norm: too many channels");
  }
}

/// Whether the kernels for rows of this length drop elements: those in registers, four at a time.
/// Others would draw every word once for each pass; dropout is a launch of its own beside them.
bool can_drop(std::int64_t channels) { return channels <= kMostInRegisters && channels % 4 == 0; }

/// Adds the sums of the first half of the columns to one array, of the second to another; either
/// may be null.
struct AddToHalves {
  std::int64_t half;
  float *first, *second;

  __device__ __forceinline__ void set(std::int64_t, std::int64_t column, float sum) const {
    float* const to = column < half ? first : second;
    if (to) to[column < half ? column : column - half] += sum;
  }
};

}  // namespace

template <class T>
void layer_norm_forward(const Context& context, const LayerNormArgs& a) {
  if (a.rows == 0 || a.channels == 0) return;
  check_channels(a.channels);
  LayerNormRows rows{};
  rows.rows = a.rows;
  rows.channels = static_cast<int>(a.channels);
  rows.epsilon = static_cast<float>(a.epsilon);
  rows.x = a.x;
  if (a.dropout.p > 0 && can_drop(a.channels)) {
    rows.dropout = device_draws(a.dropout);
  } else if (a.dropout.p > 0) {
    void* const dropped = a.sum ? a.sum : a.y;
    dropout<T>(context, {a.rows * a.channels, a.dropout, a.x, dropped});
    rows.x = dropped;
  }
  rows.gamma = floats(a.gamma);
  rows.beta = floats(a.beta);
  rows.y = a.y;
  rows.mean = floats(a.mean);
  rows.rstd = floats(a.rstd);
  rows.residual = a.residual;
  rows.sum = a.sum;
  const bool whole_packs = a.channels % kPackSize<T> == 0;
  rows.x_aligned = whole_packs && are_aligned({rows.x, a.y, a.residual, a.sum});
  rows.parameters_aligned = a.channels % 4 == 0 && are_aligned({a.gamma, a.beta});
  const auto kernel = pick_kernel<LayerNormRows, T>(a.channels);
  launch(kernel.kernel, {(a.rows + kernel.rows - 1) / kernel.rows, kernel.threads, 0},
         context.stream, rows);
}

template <class T>
void layer_norm_backward(const Context& context, const LayerNormGrad& a) {
  if (a.rows == 0 || a.channels == 0) return;
  check_channels(a.channels);
  const auto kernel = pick_kernel<LayerNormGradRows, T>(a.channels);
  // As many as an H100 holds at once, on every device: the order of the sums depends on it.
  const std::int64_t blocks = std::min<std::int64_t>(std::int64_t{132} * kernel.blocks,
                                                     (a.rows + kernel.rows - 1) / kernel.rows);
  const bool wants_sums = a.dgamma || a.dbeta;
  const PoolArray parts(context.pool,
                        wants_sums ? static_cast<std::size_t>(blocks * 2 * a.channels) : 0);
  LayerNormGradRows rows{};
  rows.rows = a.rows;
  rows.channels = static_cast<int>(a.channels);
  rows.x = a.x;
  rows.gamma = floats(a.gamma);
  rows.mean = floats(a.mean);
  rows.rstd = floats(a.rstd);
  rows.dy = a.dy;
  const bool drops_apart = a.ddropped && !can_drop(a.channels);
  rows.dx = drops_apart && !a.dx ? a.ddropped : a.dx;
  if (a.ddropped && !drops_apart) {
    rows.ddropped = a.ddropped;
    rows.dropout = device_draws(a.dropout);
  }
  rows.parts = wants_sums ? parts.data() : nullptr;
  rows.x_aligned =
      a.channels % kPackSize<T> == 0 && are_aligned({a.x, a.dy, rows.dx, rows.ddropped});
  rows.gamma_aligned = a.channels % 4 == 0 && are_aligned({a.gamma});
  launch(kernel.kernel, {blocks, kernel.threads, 0}, context.stream, rows);
  if (drops_apart) {
    dropout<T>(context, {a.rows * a.channels, a.dropout, rows.dx, a.ddropped});
  }
  if (wants_sums) {
    finish_sums(context, {1, blocks, 2 * a.channels, parts.data()},
                AddToHalves{a.channels, floats(a.dgamma), floats(a.dbeta)});
  }
}

template void layer_norm_forward<float>(const Context&, const LayerNormArgs&);
template void layer_norm_forward<Bf16>(const Context&, const LayerNormArgs&);
template void layer_norm_backward<float>(const Context&, const LayerNormGrad&);
template void layer_norm_backward<Bf16>(const Context&, const LayerNormGrad&);

}  // namespace dnabird::kernels::cuda
