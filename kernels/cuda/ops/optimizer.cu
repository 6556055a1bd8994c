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
  float gradient_scale, step_size, second_correction, epsilon, decay;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
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
      w[j] = __fsub_rn(w[j], __fmaf_rn(w[j], decay, change));
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
double total_of(const Context& context, std::int64_t n, const void* x) {
  if (n == 0) return 0;
  constexpr std::int64_t kOfBlock = std::int64_t{kSumThreads} * 4 * 4;
  const std::int64_t blocks = std::min<std::int64_t>(1056, (n + kOfBlock - 1) / kOfBlock);
  const PoolBuffer<double> parts(context.pool, static_cast<std::size_t>(blocks + 1));
  double* const total = parts.data() + blocks;
  launch(sum_kernel<float, Term>, {blocks, kSumThreads, 0}, context.stream, n, floats(x),
         are_aligned({x}), parts.data());
  launch(sum_kernel<double, Same>, {1, kSumThreads, 0}, context.stream, blocks, parts.data(), false,
         total);
  double result = 0;
  check(cudaMemcpyAsync(&result, total, sizeof result, cudaMemcpyDeviceToHost, context.stream),
        "copy of a sum");
  check(cudaStreamSynchronize(context.stream), "sum");
  return result;
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
  op.gradient_scale = static_cast<float>(a.gradient_scale);
  op.step_size = static_cast<float>(a.learning_rate / (1 - std::pow(a.beta1, step)));
  op.second_correction = static_cast<float>(1 / std::sqrt(1 - std::pow(a.beta2, step)));
  op.epsilon = static_cast<float>(a.epsilon);
  op.decay = static_cast<float>(a.learning_rate * a.weight_decay);
  for_each_element<4>(context, a.n,
                      are_aligned({a.gradient, a.value, a.first_moment, a.second_moment}), op);
}

double sum(const Context& context, std::int64_t n, const void* x) {
  return total_of<Same>(context, n, x);
}

double sum_of_squares(const Context& context, std::int64_t n, const void* x) {
  return total_of<Square>(context, n, x);
}

}  // namespace dnabird::kernels::cuda
