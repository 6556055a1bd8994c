// Block attention for sm_90a: TMA, wgmma, mbarriers. The algorithms: forward_hopper.h,
// query_gradient_hopper.h, key_gradient_hopper.h; partial results are combined
// by the kernels of kernels_sm80.cu.
//
// Launch: as many thread blocks of 160 threads as run at one time, no more than there are units of
// the schedule times sequences (and heads, if these share lists); kSharedBytes of dynamic shared
// memory. Planned thread blocks per multiprocessor: tests/kernels/cuda_budget.txt.
#include "kernels/cuda/attention/device_hopper.cuh"
#include "kernels/cuda/attention/forward_hopper.h"
#include "kernels/cuda/attention/key_gradient_hopper.h"
#include "kernels/cuda/attention/launch.h"
#include "kernels/cuda/attention/query_gradient_hopper.h"
#include "kernels/cuda/launch.cuh"

namespace dnabird::kernels::cuda {

namespace {

using Cta = HopperDeviceCta;

__device__ UnitShare share_of(const AttentionView& a) {
  return {blockIdx.x, gridDim.x,
          static_cast<std::uint32_t>(a.schedule.unit_count * places_per_unit(a))};
}

}  // namespace

template <int kHead>
__global__ void __launch_bounds__(Cta::kThreads, kHead == 128  ? 2
                                                 : kHead == 64 ? 3
                                                               : 4)
    attention_forward_wgmma(const __grid_constant__ AttentionView a,
                            const __grid_constant__ HopperDeviceMaps maps) {
  extern __shared__ __align__(1024) unsigned char shared[];
  Cta cta(shared);
  HopperForward<Cta, kHead>::run(cta, a, maps, share_of(a));
}

template <int kHead>
__global__ void __launch_bounds__(Cta::kThreads, kHead == 128 ? 2 : 3)
    attention_query_gradient_wgmma(const __grid_constant__ AttentionView a,
                                   const __grid_constant__ HopperDeviceMaps maps) {
  extern __shared__ __align__(1024) unsigned char shared[];
  Cta cta(shared);
  HopperQueryGradient<Cta, kHead>::run(cta, a, maps, share_of(a));
}

template <int kHead>
__global__ void __launch_bounds__(Cta::kThreads, kHead == 128  ? 1
                                                 : kHead == 64 ? 2
                                                               : 3)
    attention_key_gradient_wgmma(const __grid_constant__ AttentionView a,
                                 const __grid_constant__ HopperDeviceMaps maps) {
  extern __shared__ __align__(1024) unsigned char shared[];
  Cta cta(shared);
  HopperKeyGradient<Cta, kHead>::run(cta, a, maps, share_of(a));
}

namespace {

/// The driver's function that encodes a map, asked for at run time: the program has to start where
/// no driver is.
auto tensor_map_encoder() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                         cudaEnableDefault, &found),
        "cuTensorMapEncodeTiled");
  if (found != cudaDriverEntryPointSuccess) {
    throw std::runtime_error("CUDA: the driver does not know cuTensorMapEncodeTiled; update it");
  }
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
}

CUtensorMap encode(const void* array, const TensorShape& shape) {
  static const auto encoder = tensor_map_encoder();
  CUtensorMap map{};
  const cuuint32_t steps[4] = {1, 1, 1, 1};
  cuuint64_t size[4], stride[3];
  cuuint32_t box[4];
  for (int axis = 0; axis < 4; ++axis) {
    size[axis] = shape.size[axis];
    box[axis] = shape.box[axis];
    if (axis < 3) stride[axis] = shape.stride_bytes[axis];
  }
  const auto swizzle = shape.box[0] == 64 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B;
  const CUresult result =
      encoder(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, const_cast<void*>(array), size, stride,
              box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
              CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw std::runtime_error("CUDA: cuTensorMapEncodeTiled refused a tensor, error " +
                             std::to_string(static_cast<int>(result)));
  }
  return map;
}

template <int kHead>
void launch_units(AttentionPass pass, const AttentionView& a, cudaStream_t stream) {
  const std::int64_t units = std::int64_t{a.schedule.unit_count} * places_per_unit(a);
  const TensorShape rows = out_tensor(a);
  HopperDeviceMaps maps{encode(a.qkv, qkv_tensor(a)), encode(a.out, rows), {}};
  // Forward has no dout.
  if (pass != AttentionPass::forward) maps.dout = encode(a.dout, rows);
  switch (pass) {
    case AttentionPass::forward:
      return launch_resident(attention_forward_wgmma<kHead>,
                             {units, Cta::kThreads, HopperForward<Cta, kHead>::kSharedBytes},
                             stream, a, maps);
    case AttentionPass::query_gradient:
      return launch_resident(attention_query_gradient_wgmma<kHead>,
                             {units, Cta::kThreads, HopperQueryGradient<Cta, kHead>::kSharedBytes},
                             stream, a, maps);
    case AttentionPass::key_gradient:
      return launch_resident(attention_key_gradient_wgmma<kHead>,
                             {units, Cta::kThreads, HopperKeyGradient<Cta, kHead>::kSharedBytes},
                             stream, a, maps);
  }
}

}  // namespace

void launch_attention_wgmma(AttentionPass pass, std::int64_t head_size, const AttentionView& a,
                            cudaStream_t stream) {
  for_head_size(head_size, "block attention with wgmma",
                [&](auto head) { launch_units<head.value>(pass, a, stream); });
  launch_attention_combine(pass, head_size, a, stream);
}

}  // namespace dnabird::kernels::cuda
