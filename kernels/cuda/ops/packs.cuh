// Accesses of 16 bytes in device code, and the test on the host whether they may be made.
#pragma once

#include <initializer_list>

#include "kernels/cuda/ops/elements.cuh"

namespace dnabird::kernels::cuda {

/// Elements of T = float or Bf16 in 16 bytes.
template <class T>
inline constexpr int kPackSize = 16 / static_cast<int>(sizeof(T));

/// Whether all of these addresses (null among them) are aligned to 16 bytes.
inline bool are_aligned(std::initializer_list<const void*> addresses) {
  for (const void* address : addresses) {
    if (reinterpret_cast<std::uintptr_t>(address) % 16 != 0) return false;
  }
  return true;
}

/// 16 bytes of elements as they lie in memory: half the registers of floats for Bf16.
template <class T>
struct Pack {
  std::uint32_t word[4];

  __device__ __forceinline__ float operator[](int i) const {
    if constexpr (sizeof(T) == 4) {
      return __uint_as_float(word[i]);
    } else {
      return __uint_as_float(i % 2 == 0 ? word[i / 2] << 16U : word[i / 2] & 0xFFFF0000U);
    }
  }
};

/// The address must be aligned to 16 bytes.
template <class T>
__device__ __forceinline__ Pack<T> load_pack(const T* from) {
  const uint4 words = *reinterpret_cast<const uint4*>(from);
  return {{words.x, words.y, words.z, words.w}};
}

__device__ __forceinline__ void store_pack(float* to, const float (&from)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(from[0], from[1], from[2], from[3]);
}
__device__ __forceinline__ void store_pack(Bf16* to, const float (&from)[8]) {
  uint4 words;
  __nv_bfloat162 pairs[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) pairs[i] = __floats2bfloat162_rn(from[2 * i], from[2 * i + 1]);
  static_assert(sizeof pairs == sizeof words);
  __builtin_memcpy(&words, pairs, sizeof words);
  *reinterpret_cast<uint4*>(to) = words;
}

/// kWidth elements as floats. The address must be aligned to 16 bytes unless kWidth is 1.
template <int kWidth, class T>
__device__ __forceinline__ void load_elements(const T* from, float (&to)[kWidth]) {
  if constexpr (kWidth == 1) {
    to[0] = load(from[0]);
  } else {
    static_assert(kWidth % kPackSize<T> == 0);
#pragma unroll
    for (int i = 0; i < kWidth; i += kPackSize<T>) {
      const Pack<T> pack = load_pack(from + i);
#pragma unroll
      for (int j = 0; j < kPackSize<T>; ++j) to[i + j] = pack[j];
    }
  }
}
template <int kWidth, class T>
__device__ __forceinline__ void store_elements(T* to, const float (&from)[kWidth]) {
  if constexpr (kWidth == 1) {
    store(to[0], from[0]);
  } else {
    static_assert(kWidth % kPackSize<T> == 0);
#pragma unroll
    for (int i = 0; i < kWidth; i += kPackSize<T>) {
      float pack[kPackSize<T>];
#pragma unroll
      for (int j = 0; j < kPackSize<T>; ++j) pack[j] = from[i + j];
      store_pack(to + i, pack);
    }
  }
}

}  // namespace dnabird::kernels::cuda
