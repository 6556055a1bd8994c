// Block attention by plain dot products (plain.h).
//
// Launch: thread blocks of 128 threads, each with four rows of a block; no shared memory.
#include "kernels/cuda/attention/device_warp.cuh"
#include "kernels/cuda/attention/launch.h"
#include "kernels/cuda/attention/plain.h"
#include "kernels/cuda/launch.cuh"

namespace dnabird::kernels::cuda {

namespace {

constexpr int kThreads = 32 * kPlainWarps;

}  // namespace

template <class Element>
__global__ void __launch_bounds__(kThreads, 6)
    attention_forward_plain(const __grid_constant__ AttentionView a) {
  DeviceWarp warp;
  PlainAttention<DeviceWarp, Element>{warp, a}.forward(blockIdx.x);
}

template <class Element>
__global__ void __launch_bounds__(kThreads, 6)
    attention_query_gradient_plain(const __grid_constant__ AttentionView a) {
  DeviceWarp warp;
  PlainAttention<DeviceWarp, Element>{warp, a}.query_gradient(blockIdx.x);
}

template <class Element>
__global__ void __launch_bounds__(kThreads, 6)
    attention_key_gradient_plain(const __grid_constant__ AttentionView a) {
  DeviceWarp warp;
  PlainAttention<DeviceWarp, Element>{warp, a}.key_gradient(blockIdx.x);
}

namespace {

template <class Element>
void launch_pass(AttentionPass pass, const AttentionView& a, cudaStream_t stream) {
  const std::int64_t groups = (a.block_size + kPlainWarps - 1) / kPlainWarps;
  const LaunchShape shape{std::int64_t{a.schedule.unit_count} * places_per_unit(a) * groups,
                          kThreads, 0};
  switch (pass) {
    case AttentionPass::forward:
      return launch(attention_forward_plain<Element>, shape, stream, a);
    case AttentionPass::query_gradient:
      return launch(attention_query_gradient_plain<Element>, shape, stream, a);
    case AttentionPass::key_gradient:
      return launch(attention_key_gradient_plain<Element>, shape, stream, a);
  }
}

}  // namespace

void launch_attention_plain(AttentionPass pass, ElementType type, const AttentionView& a,
                            cudaStream_t stream) {
  if (a.schedule.slots > 0 || a.head_size > 32 * kPlainHeads) {
    throw std::invalid_argument("plain block attention takes whole rows, and heads to 128");
  }
  if (type == ElementType::bf16) return launch_pass<Bf16Element>(pass, a, stream);
  launch_pass<F32Element>(pass, a, stream);
}

}  // namespace dnabird::kernels::cuda
