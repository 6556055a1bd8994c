// The warp and thread block of *_hopper.h on sm_90a: 160 threads, of which the last warp
// is the producer. What each instruction does: tests/support/cuda_host_hopper.h.
#pragma once

#include <cuda.h>

#include "kernels/cuda/attention/device_warp.cuh"
#include "kernels/cuda/attention/hopper_pipeline.h"
#include "kernels/cuda/attention/wgmma.cuh"

namespace dnabird::kernels::cuda {

class HopperDeviceWarp : public DeviceWarp {
 public:
  __device__ __forceinline__ void start_products() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
  }
  __device__ __forceinline__ void commit_products() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  }
  template <int kGroupsLeft>
  __device__ __forceinline__ void wait_for_products() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kGroupsLeft) : "memory");
  }
  template <int kColumns>
  __device__ __forceinline__ void multiply_shared(float (&sums)[kColumns / 8][4], std::uint64_t a,
                                                  std::uint64_t b, bool add) {
    wgmma_shared(sums, a, b, add ? 1 : 0);
  }
  template <int kColumns>
  __device__ __forceinline__ void multiply_registers(float (&sums)[kColumns / 8][4],
                                                     const U32 (&a)[4], std::uint64_t b) {
    wgmma_registers(sums, a, b);
  }
  /// The compiler may not move what reads or writes these registers over this place.
  template <int kTiles>
  __device__ __forceinline__ void keep(float (&x)[kTiles][4]) {
    DNABIRD_UNROLL
    for (int n = 0; n < kTiles; ++n) {
      DNABIRD_UNROLL
      for (int e = 0; e < 4; ++e) asm volatile("" : "+f"(x[n][e])::"memory");
    }
  }
  __device__ __forceinline__ void clear16(U32 address, bool which) {
    if (which) {
      asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(address), "r"(0) : "memory");
    }
  }
  __device__ __forceinline__ void store_shared(U32 address, float x) {
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(address), "f"(x) : "memory");
  }
};

struct HopperDeviceMaps {
  CUtensorMap qkv, out, dout;
};

class HopperDeviceCta {
 public:
  using Warp = HopperDeviceWarp;
  using Maps = HopperDeviceMaps;
  static constexpr int kConsumerWarps = 4;
  static constexpr int kThreads = 32 * (kConsumerWarps + 1);
  template <class State>
  struct PerWarp {
    State state;
    __device__ __forceinline__ State& operator[](const Warp&) { return state; }
  };

  __device__ __forceinline__ explicit HopperDeviceCta(const void* shared)
      : shared_(static_cast<std::uint32_t>(__cvta_generic_to_shared(shared))) {}
  __device__ __forceinline__ std::uint32_t shared_address() const { return shared_; }

  template <class Start>
  __device__ __forceinline__ void start_barriers(const Start& start) {
    if (threadIdx.x == 0) {
      start();
      // The copy engine must see the barriers too.
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
  }
  __device__ __forceinline__ void start_barrier(std::uint32_t barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals)
                 : "memory");
  }
  /// True in the producer warp, when all is loaded.
  template <class Producer>
  __device__ __forceinline__ bool run_producer(Producer& producer) {
    if (warp_.index() < kConsumerWarps) return false;
    while (producer.load_next(*this) != Load::none_left) continue;
    return true;
  }
  template <class F>
  __device__ __forceinline__ void each_warp(const F& f) {
    f(warp_);
  }
  template <class F>
  __device__ __forceinline__ void producer_lanes(const F& f) {
    f(warp_);
  }

  /// Waits; the emulated thread block asks.
  __device__ __forceinline__ bool ready(std::uint32_t barrier, std::uint32_t parity) {
    wait(barrier, parity);
    return true;
  }
  __device__ __forceinline__ void wait(std::uint32_t barrier, std::uint32_t parity) {
    asm volatile(
        "{ .reg .pred done; again: "
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1; "
        "@!done bra again; }" ::"r"(barrier),
        "r"(parity)
        : "memory");
  }
  __device__ __forceinline__ void expect_bytes(std::uint32_t barrier, int bytes) {
    if (warp_.lane() == 0) {
      asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
                   "r"(bytes)
                   : "memory");
    }
  }
  __device__ __forceinline__ void arrive_lanes(std::uint32_t barrier) { arrive(barrier); }
  /// After all lanes of the warp have read.
  __device__ __forceinline__ void release(Warp& warp, std::uint32_t barrier) {
    __syncwarp();
    if (warp.lane() == 0) arrive(barrier);
  }
  /// What consumer warps wrote to shared memory becomes visible to their products.
  __device__ __forceinline__ void share_writes() {
    asm volatile("fence.proxy.async.shared::cta; bar.sync 1, %0;" ::"n"(32 * kConsumerWarps)
                 : "memory");
  }
  template <class T>
  __device__ __forceinline__ void load_box(const CUtensorMap& map, const BoxPlace& at,
                                           std::uint32_t to, std::uint32_t barrier) {
    if (warp_.lane() == 0) {
      asm volatile(
          "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
          "[%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(to),
          "l"(&map), "r"(at.element), "r"(at.part), "r"(at.token), "r"(at.batch), "r"(barrier)
          : "memory");
    }
  }

 private:
  __device__ __forceinline__ void arrive(std::uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
  }

  Warp warp_;
  std::uint32_t shared_;
};

}  // namespace dnabird::kernels::cuda
