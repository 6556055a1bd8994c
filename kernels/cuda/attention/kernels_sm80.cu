// Block attention with mma.sync for block 64 and heads of 32, 64 and 128. The algorithms:
// forward.h, query_gradient.h, key_gradient.h.
//
// Launch: one thread block of 128 threads for each unit of the schedule and sequence (and head, if
// heads share lists); kSharedBytes of dynamic shared memory. Combining: one of 256 threads for each
// split row or column. Planned thread blocks per multiprocessor: tests/kernels/cuda_budget.txt.
#include "kernels/cuda/attention/combine.h"
#include "kernels/cuda/attention/device_warp.cuh"
#include "kernels/cuda/attention/key_gradient.h"
#include "kernels/cuda/attention/launch.h"
#include "kernels/cuda/attention/query_gradient.h"
#include "kernels/cuda/launch.cuh"

namespace dnabird::kernels::cuda {

namespace {

constexpr int kWarps = 4;
using Cta = DeviceCta<kWarps>;

/// Writes two f32 as bf16.
struct StorePair {
  __device__ __forceinline__ void operator()(char* to, const ValuePair& pair) const {
    *reinterpret_cast<std::uint32_t*>(to) = DeviceWarp::pack_bf16(pair.low, pair.high);
  }
};

}  // namespace

// Thread blocks that a multiprocessor is to hold: the compiler keeps to the registers of that many.
template <int kHead>
__global__ void __launch_bounds__(128, kHead == 128  ? 2
                                       : kHead == 64 ? 3
                                                     : 4)
    attention_forward_mma(const __grid_constant__ AttentionView a) {
  extern __shared__ __align__(1024) unsigned char shared[];
  Cta cta(shared);
  ForwardUnit<Cta, kHead>::run(cta, a, blockIdx.x);
}

template <int kHead>
__global__ void __launch_bounds__(128, kHead == 128  ? 2
                                       : kHead == 64 ? 3
                                                     : 4)
    attention_query_gradient_mma(const __grid_constant__ AttentionView a) {
  extern __shared__ __align__(1024) unsigned char shared[];
  Cta cta(shared);
  QueryGradientUnit<Cta, kHead>::run(cta, a, blockIdx.x);
}

template <int kHead>
__global__ void __launch_bounds__(128, kHead == 128 ? 2 : 3)
    attention_key_gradient_mma(const __grid_constant__ AttentionView a) {
  extern __shared__ __align__(1024) unsigned char shared[];
  Cta cta(shared);
  KeyGradientUnit<Cta, kHead>::run(cta, a, blockIdx.x);
}

// Several thread blocks share a split row or column: each thread makes so little of it that the
// latency of its loads is all that the kernel takes.
constexpr int kCombineBlock = 256;
template <int kHead>
constexpr int kCombineBlocks = kCombineThreads<kHead> / kCombineBlock;

template <int kHead>
__device__ int combine_thread() {
  return static_cast<int>(blockIdx.x % kCombineBlocks<kHead> * kCombineBlock + threadIdx.x);
}

template <int kHead>
__global__ void __launch_bounds__(kCombineBlock, 6)
    attention_combine_forward(const __grid_constant__ AttentionView a) {
  combine_forward<kHead>(a, blockIdx.x / kCombineBlocks<kHead>, combine_thread<kHead>(),
                         StorePair{});
}

template <int kHead>
__global__ void __launch_bounds__(kCombineBlock, 6)
    attention_combine_query_gradient(const __grid_constant__ AttentionView a) {
  combine_gradients<kHead>(a, blockIdx.x / kCombineBlocks<kHead>, combine_thread<kHead>(),
                           query_part<kHead>(a), StorePair{});
}

template <int kHead>
__global__ void __launch_bounds__(kCombineBlock, 6)
    attention_combine_key_gradient(const __grid_constant__ AttentionView a) {
  const std::uint32_t index = blockIdx.x / kCombineBlocks<kHead>;
  const int thread = combine_thread<kHead>();
  combine_gradients<kHead>(a, index, thread, key_part<kHead>(a), StorePair{});
  combine_gradients<kHead>(a, index, thread, value_part<kHead>(), StorePair{});
}

namespace {

template <int kHead>
void launch_units(AttentionPass pass, const AttentionView& a, cudaStream_t stream) {
  const std::int64_t units = std::int64_t{a.schedule.unit_count} * places_per_unit(a);
  switch (pass) {
    case AttentionPass::forward:
      return launch(attention_forward_mma<kHead>,
                    {units, 128, ForwardUnit<Cta, kHead>::kSharedBytes}, stream, a);
    case AttentionPass::query_gradient:
      return launch(attention_query_gradient_mma<kHead>,
                    {units, 128, QueryGradientUnit<Cta, kHead>::kSharedBytes}, stream, a);
    case AttentionPass::key_gradient:
      return launch(attention_key_gradient_mma<kHead>,
                    {units, 128, KeyGradientUnit<Cta, kHead>::kSharedBytes}, stream, a);
  }
}

template <int kHead>
void launch_combine(AttentionPass pass, const AttentionView& a, cudaStream_t stream) {
  const std::int64_t splits = std::int64_t{a.schedule.split_count} * places_per_unit(a);
  const LaunchShape shape{splits * kCombineBlocks<kHead>, kCombineBlock, 0};
  switch (pass) {
    case AttentionPass::forward:
      return launch(attention_combine_forward<kHead>, shape, stream, a);
    case AttentionPass::query_gradient:
      return launch(attention_combine_query_gradient<kHead>, shape, stream, a);
    case AttentionPass::key_gradient:
      return launch(attention_combine_key_gradient<kHead>, shape, stream, a);
  }
}

}  // namespace

void launch_attention_mma(AttentionPass pass, std::int64_t head_size, const AttentionView& a,
                          cudaStream_t stream) {
  for_head_size(head_size, "block attention with mma",
                [&](auto head) { launch_units<head.value>(pass, a, stream); });
  launch_attention_combine(pass, head_size, a, stream);
}

void launch_attention_combine(AttentionPass pass, std::int64_t head_size, const AttentionView& a,
                              cudaStream_t stream) {
  for_head_size(head_size, "partial results of block attention",
                [&](auto head) { launch_combine<head.value>(pass, a, stream); });
}

}  // namespace dnabird::kernels::cuda
