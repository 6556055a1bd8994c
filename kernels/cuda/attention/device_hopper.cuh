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
  /// Of each half.
  __device__ __forceinline__ static U32 multiply_bf16(U32 a, U32 b) {
    U32 product;
    asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(product) : "r"(a), "r"(b));
    return product;
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
  /// lane + 32 * index, asked for anew: what is seldom needed is not to take registers all the
  /// time.
  __device__ __forceinline__ static U32 thread() {
    U32 thread;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    return thread;
  }
  __device__ __forceinline__ void clear16(U32 address, bool which) {
    if (which) {
      asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(address), "r"(0) : "memory");
    }
  }
  __device__ __forceinline__ void store_shared(U32 address, float x) {
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(address), "f"(x) : "memory");
  }
  __device__ __forceinline__ float load_shared(U32 address) {
    float x;
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(x) : "r"(address) : "memory");
    return x;
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

  /// A value in each lane of the producer warp.
  template <class X>
  struct PerLane {
    X mine;
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
    producer.begin(*this);
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
  template <class X, class F>
  __device__ __forceinline__ void fill_lanes(PerLane<X>& x, const F& f) {
    x.mine = f(warp_.lane());
  }
  /// The value of one lane in all of them.
  template <class X>
  __device__ __forceinline__ X of_lane(const PerLane<X>& x, std::uint32_t lane) const {
    std::uint32_t words[sizeof(X) / 4];
    memcpy(words, &x.mine, sizeof(X));
    DNABIRD_UNROLL
    for (std::uint32_t& word : words) {
      word = __shfl_sync(0xFFFFFFFFU, word, static_cast<int>(lane));
    }
    X of_lane;
    memcpy(&of_lane, words, sizeof(X));
    return of_lane;
  }

  /// What the producer knows becomes what consumers read, when the barrier is full at which it
  /// arrives next. X is a float or a multiple of 16 bytes.
  template <class X>
  __device__ __forceinline__ void hand_over(std::uint32_t address, const X& x) {
    std::uint32_t words[sizeof(X) / 4];
    memcpy(words, &x, sizeof(X));
    if (warp_.lane() != 0) return;
    if constexpr (sizeof(X) == 4) {
      asm volatile("st.shared.b32 [%0], %1;" ::"r"(address), "r"(words[0]) : "memory");
    } else {
      DNABIRD_UNROLL
      for (std::uint32_t i = 0; i < sizeof(X) / 16; ++i) {
        asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(address + 16 * i),
                     "r"(words[4 * i]), "r"(words[4 * i + 1]), "r"(words[4 * i + 2]),
                     "r"(words[4 * i + 3])
                     : "memory");
      }
    }
  }
  template <class X>
  __device__ __forceinline__ X read_shared(std::uint32_t address) {
    std::uint32_t words[sizeof(X) / 4];
    if constexpr (sizeof(X) == 4) {
      asm volatile("ld.shared.b32 %0, [%1];" : "=r"(words[0]) : "r"(address) : "memory");
    } else {
      DNABIRD_UNROLL
      for (std::uint32_t i = 0; i < sizeof(X) / 16; ++i) {
        asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(words[4 * i]), "=r"(words[4 * i + 1]), "=r"(words[4 * i + 2]),
                       "=r"(words[4 * i + 3])
                     : "r"(address + 16 * i)
                     : "memory");
      }
    }
    X x;
    memcpy(&x, words, sizeof(X));
    return x;
  }
  /// A value that is the same in all lanes, known as such to ptxas: what follows from it stays in
  /// uniform registers, which products take their descriptors from. (The compiler before ptxas
  /// would take a shuffle away where it sees that lanes agree, but does not say so to ptxas.)
  template <class X>
  __device__ __forceinline__ static X uniform(X x) {
    X same;
    asm volatile("shfl.sync.idx.b32 %0, %1, 0, 31, 0xffffffff;" : "=r"(same) : "r"(x));
    return same;
  }
  __device__ __forceinline__ void prefetch(const CUtensorMap& map) {
    if (warp_.lane() == 0) asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
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
  /// What lanes of the producer wrote goes with what lane 0 arrives for next.
  __device__ __forceinline__ void join_lanes() { __syncwarp(); }
  __device__ __forceinline__ void arrive_joined(std::uint32_t barrier) {
    join_lanes();
    if (warp_.lane() == 0) arrive(barrier);
  }
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
