// The warp and thread block of the algorithms on a device: a register is a register, the rest is
// PTX. What each instruction does, and the emulated counterpart: tests/support/cuda_host_warp.h.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/cuda/host_device.h"

namespace dnabird::kernels::cuda {

class DeviceWarp {
 public:
  using F32 = float;
  using U32 = std::uint32_t;
  using Mask = bool;

  __device__ __forceinline__ DeviceWarp() : lane_(threadIdx.x & 31U), index_(threadIdx.x >> 5U) {}
  __device__ __forceinline__ U32 lane() const { return lane_; }
  __device__ __forceinline__ std::uint32_t index() const { return index_; }

  __device__ __forceinline__ static float max(float a, float b) { return fmaxf(a, b); }
  __device__ __forceinline__ static float exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
  }
  __device__ __forceinline__ static float log2(float x) { return log2f(x); }
  __device__ __forceinline__ static float divide(float a, float b) { return __fdividef(a, b); }
  __device__ __forceinline__ static float fma(float a, float b, float c) { return fmaf(a, b, c); }
  template <class X>
  __device__ __forceinline__ static X shuffle_xor(X x, int mask) {
    return __shfl_xor_sync(0xFFFFFFFFU, x, mask);
  }
  /// In any lane.
  __device__ __forceinline__ static bool any(bool x) { return __any_sync(0xFFFFFFFFU, x); }
  __device__ __forceinline__ static float broadcast(float x, std::uint32_t lane) {
    return __shfl_sync(0xFFFFFFFFU, x, static_cast<int>(lane));
  }
  template <class X>
  __device__ __forceinline__ static X select(bool which, X a, X b) {
    return which ? a : b;
  }
  __device__ __forceinline__ static U32 pack_bf16(float low, float high) {
    U32 packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
  }
  __device__ __forceinline__ static float low_bf16(U32 x) { return __uint_as_float(x << 16U); }
  __device__ __forceinline__ static float high_bf16(U32 x) {
    return __uint_as_float(x & 0xFFFF0000U);
  }

  // Copies past L1: no two warps of a multiprocessor share what a block reads. Bytes of rows that
  // do not exist are filled with zeros, and nothing is read for them.
  __device__ __forceinline__ void copy16_async(U32 to, const void* base, U32 offset, bool exists) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to),
                 "l"(static_cast<const char*>(base) + (exists ? offset : 0U)), "r"(exists ? 16 : 0)
                 : "memory");
  }
  __device__ __forceinline__ void copy4_async(U32 to, const void* base, U32 offset, bool exists) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to),
                 "l"(static_cast<const char*>(base) + (exists ? offset : 0U)), "r"(exists ? 4 : 0)
                 : "memory");
  }
  __device__ __forceinline__ void ldmatrix(U32 (&r)[4], U32 address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
  __device__ __forceinline__ void ldmatrix_transposed(U32 (&r)[4], U32 address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
  __device__ __forceinline__ void load_two(float& a, float& b, U32 address) {
    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(a), "=f"(b) : "r"(address) : "memory");
  }
  __device__ __forceinline__ static void mma(float (&sums)[4], const U32 (&a)[4], U32 b0, U32 b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
        "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }

  template <class T>
  __device__ __forceinline__ void store(void* base, U32 offset, T value, bool exists) {
    if (exists) *reinterpret_cast<T*>(static_cast<char*>(base) + offset) = value;
  }
  __device__ __forceinline__ void store_words(void* base, U32 offset, const U32 (&words)[4],
                                              bool exists) {
    store(base, offset, make_uint4(words[0], words[1], words[2], words[3]), exists);
  }
  __device__ __forceinline__ void store_two(float* base, U32 offset, float a, float b) {
    *reinterpret_cast<float2*>(reinterpret_cast<char*>(base) + offset) = make_float2(a, b);
  }
  __device__ __forceinline__ float load_f32(const void* base, U32 offset, bool exists,
                                            float otherwise) {
    return exists ? *reinterpret_cast<const float*>(static_cast<const char*>(base) + offset)
                  : otherwise;
  }
  /// Element `index` of an array of bf16 or f32 as f32; 0 if it does not exist.
  template <class Element>
  __device__ __forceinline__ float load_element(const void* base, U32 index, bool exists) {
    if (!exists) return 0.0F;
    if constexpr (Element::kBytes == 4) return static_cast<const float*>(base)[index];
    return low_bf16(static_cast<const std::uint16_t*>(base)[index]);
  }
  template <class Element>
  __device__ __forceinline__ void store_element(void* base, U32 index, float x, bool exists) {
    if (!exists) return;
    if constexpr (Element::kBytes == 4) {
      static_cast<float*>(base)[index] = x;
    } else {
      static_cast<std::uint16_t*>(base)[index] = static_cast<std::uint16_t>(pack_bf16(x, 0.0F));
    }
  }

 private:
  U32 lane_, index_;
};

template <int kWarps_>
class DeviceCta {
 public:
  using Warp = DeviceWarp;
  static constexpr int kWarps = kWarps_;
  template <class State>
  struct PerWarp {
    State state;
    __device__ __forceinline__ State& operator[](const Warp&) { return state; }
  };

  /// `shared` is aligned to 1,024 bytes, after which the permutation of chunks repeats.
  __device__ __forceinline__ explicit DeviceCta(const void* shared)
      : shared_(static_cast<std::uint32_t>(__cvta_generic_to_shared(shared))) {}
  __device__ __forceinline__ std::uint32_t shared_address() const { return shared_; }
  template <class F>
  __device__ __forceinline__ void each_warp(const F& f) {
    f(warp_);
  }
  __device__ __forceinline__ void commit_copies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  template <int kGroupsLeft>
  __device__ __forceinline__ void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsLeft) : "memory");
  }
  __device__ __forceinline__ void barrier() { __syncthreads(); }

 private:
  Warp warp_;
  std::uint32_t shared_;
};

}  // namespace dnabird::kernels::cuda
