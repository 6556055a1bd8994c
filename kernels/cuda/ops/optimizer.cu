#include "kernels/cuda/ops/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/cuda/ops/block_reduce.cuh"
#include "kernels/cuda/ops/elementwise.cuh"

namespace dnabird::kernels::cuda {

namespace {

struct AdamWOp {
  const float* gradient;
  float *value, *first_moment, *second_moment;
  float beta1, rest1, beta2, rest2;
  float step_size, second_correction, epsilon, decay;
  double clip;
  const double* gradient_squares;
  const std::int32_t* span_ends;
  int spans;

  /// clip_scale on the device
  __device__ __forceinline__ double scale() const {
    const double norm = sqrt(*gradient_squares);
    if (!isfinite(norm)) return NAN;
    return clip > 0 && norm > clip ? clip / norm : 1;
  }
  /// How many spans end at or before i.
  __device__ __forceinline__ int span_of(std::int64_t i) const {
    int low = 0, high = spans;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (span_ends[middle] <= i) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
    const double exact_scale = scale();
    if (isnan(exact_scale)) return;
    const float gradient_scale = static_cast<float>(exact_scale);
    int span = span_of(i);
    float g[kWidth], m[kWidth], v[kWidth], w[kWidth];
    load_elements(gradient + i, g);
    load_elements(first_moment + i, m);
    load_elements(second_moment + i, v);
    load_elements(value + i, w);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      // What is fused is said, for both widths alike.
      g[j] = __fmul_rn(g[j], gradient_scale);
      m[j] = __fmaf_rn(m[j], beta1, __fmul_rn(g[j], rest1));
      v[j] = __fmaf_rn(v[j], beta2, __fmul_rn(__fmul_rn(g[j], g[j]), rest2));
      const float change = __fdiv_rn(__fmul_rn(m[j], step_size),
                                     __fmaf_rn(__fsqrt_rn(v[j]), second_correction, epsilon));
      while (span < spans && span_ends[span] <= i + j) ++span;
      w[j] = __fsub_rn(w[j], __fmaf_rn(w[j], span % 2 == 0 ? decay : 0.0f, change));
    }
    store_elements(first_moment + i, m);
    store_elements(second_moment + i, v);
    store_elements(value + i, w);
  }
};

constexpr int kSumThreads = 256, kSumWarps = kSumThreads / 32;

struct Same {
  __device__ __forceinline__ double operator()(double x) const { return x; }
};
struct Square {
  __device__ __forceinline__ double operator()(double x) const { return x * x; }
};

/// parts[block] = sum of term(x[i]) over the elements of the block, in turns of four to a thread.
template <class Number, class Term>
__global__ void __launch_bounds__(kSumThreads)
    sum_kernel(std::int64_t n, const Number* x, bool aligned, double* parts) {
  const Term term{};
  double total = 0;
  const std::int64_t step = std::int64_t{gridDim.x} * kSumThreads * 4;
#pragma unroll 2
  for (std::int64_t i = (std::int64_t{blockIdx.x} * kSumThreads + threadIdx.x) * 4; i < n;
       i += step) {
    Number four[4] = {};
    if constexpr (sizeof(Number) == sizeof(float)) {
      if (aligned && i + 4 <= n) {
        load_elements(x + i, four);
        total += term(four[0]) + term(four[1]) + (term(four[2]) + term(four[3]));
        continue;
      }
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) four[j] = i + j < n ? x[i + j] : Number{};
    total += term(four[0]) + term(four[1]) + (term(four[2]) + term(four[3]));
  }
  total = block_sum<kSumWarps>(total);
  if (threadIdx.x == 0) parts[blockIdx.x] = total;
}

template <class Term>
void add_up(const Context& context, std::int64_t n, const void* x, double* total) {
  constexpr std::int64_t kOfBlock = std::int64_t{kSumThreads} * 4 * 4;
  const std::int64_t blocks = std::min<std::int64_t>(1056, (n + kOfBlock - 1) / kOfBlock);
  const PoolBuffer<double> parts(context.pool, static_cast<std::size_t>(blocks));
  launch(sum_kernel<float, Term>, {blocks, kSumThreads, 0}, context.stream, n, floats(x),
         are_aligned({x}), parts.data());
  launch(sum_kernel<double, Same>, {1, kSumThreads, 0}, context.stream, blocks, parts.data(), false,
         total);
}

}  // namespace

void adamw(const Context& context, const AdamWArgs& a) {
  const double step = static_cast<double>(a.step);
  AdamWOp op{};
  op.gradient = floats(a.gradient);
  op.value = floats(a.value);
  op.first_moment = floats(a.first_moment);
  op.second_moment = floats(a.second_moment);
  op.beta1 = static_cast<float>(a.beta1);
  op.beta2 = static_cast<float>(a.beta2);
  op.rest1 = static_cast<float>(1 - a.beta1);
  op.rest2 = static_cast<float>(1 - a.beta2);
  op.step_size = static_cast<float>(a.learning_rate / (1 - std::pow(a.beta1, step)));
  op.second_correction = static_cast<float>(1 / std::sqrt(1 - std::pow(a.beta2, step)));
  op.epsilon = static_cast<float>(a.epsilon);
  op.decay = static_cast<float>(a.learning_rate * a.weight_decay);
  op.clip = a.clip;
  op.gradient_squares = a.gradient_squares;
  op.span_ends = a.span_ends;
  op.spans = static_cast<int>(a.spans);
  for_each_element<4>(context, a.n,
                      are_aligned({a.gradient, a.value, a.first_moment, a.second_moment}), op);
}

void sum(const Context& context, std::int64_t n, const void* x, double* total) {
  add_up<Same>(context, n, x, total);
}

void sum_of_squares(const Context& context, std::int64_t n, const void* x, double* total) {
  add_up<Square>(context, n, x, total);
}

}  // namespace dnabird::kernels::cuda
