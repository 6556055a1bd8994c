// Vectors of kLanes floats in the compiler's own vector types, so that one source serves every
// instruction set. Included by the tier files (tier_*.cpp) only, each of which defines
// DNABIRD_TIER, DNABIRD_LANES and DNABIRD_TILE_ROWS and is compiled for its instruction set. All of
// it lies in a namespace of the tier: a function that was compiled for AVX2 must not be linked
// into another tier.
#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <utility>

#include "kernels/bf16.h"
#include "kernels/kernel_set.h"
#include "kernels/philox.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

constexpr int kLanes = DNABIRD_LANES;
typedef float Vec __attribute__((vector_size(DNABIRD_LANES * 4)));
typedef std::int32_t IntVec __attribute__((vector_size(DNABIRD_LANES * 4)));

typedef std::uint64_t LongVec __attribute__((vector_size(DNABIRD_LANES * 4)));

/// Products of the low 32 bits of each lane.
inline LongVec multiply_low_halves(LongVec a, LongVec b) {
#if defined(__AVX512F__) && DNABIRD_LANES == 16  // masked: GCC 12 warns of the plain one (105593)
  return reinterpret_cast<LongVec>(
      _mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__) && DNABIRD_LANES == 8
  return reinterpret_cast<LongVec>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__) && DNABIRD_LANES == 4
  return reinterpret_cast<LongVec>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

inline Vec broadcast(float x) { return x - Vec{}; }

inline Vec load(const float* from) {
  Vec v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
inline void store(float* to, Vec v) { __builtin_memcpy(to, &v, sizeof v); }

typedef std::uint16_t HalfVec __attribute__((vector_size(DNABIRD_LANES * 2)));
typedef std::uint32_t WordVec __attribute__((vector_size(DNABIRD_LANES * 4)));

inline Vec load(const Bf16* from) {
  HalfVec half;
  __builtin_memcpy(&half, from, sizeof half);
  return reinterpret_cast<Vec>(__builtin_convertvector(half, WordVec) << 16);
}
/// As assign() rounds.
inline void store(Bf16* to, Vec v) {
  const WordVec bits = reinterpret_cast<WordVec>(v);
  const WordVec rounded = bits + 0x7FFFu + (bits >> 16 & 1u);
  const WordVec nan = bits | 0x400000u;
  // NOLINTNEXTLINE(misc-redundant-expression): true for NaN
  const HalfVec half = __builtin_convertvector((v != v ? nan : rounded) >> 16, HalfVec);
  __builtin_memcpy(to, &half, sizeof half);
}

/// b where either is NaN
inline Vec maximum(Vec a, Vec b) { return a > b ? a : b; }
inline Vec minimum(Vec a, Vec b) { return a < b ? a : b; }
inline Vec square_root(Vec x) {
  for (int l = 0; l < kLanes; ++l) x[l] = __builtin_sqrtf(x[l]);
  return x;
}

template <class From, class Any, int... kLane>
inline Any shuffle_lanes(Any a, Any b, std::integer_sequence<int, kLane...>) {
  return __builtin_shufflevector(a, b, From{}(kLane)...);
}
/// Lane l is lane from(l) of a and b, one behind the other. `from` captures nothing.
template <class Any, class From>
inline Any shuffle(Any a, Any b, From) {
  constexpr int kCount = sizeof(Any) / sizeof(a[0]);
  return shuffle_lanes<From>(a, b, std::make_integer_sequence<int, kCount>{});
}

/// v with each lane l exchanged with lane l ^ distance
template <int kDistance>
inline Vec exchange(Vec v) {
  return shuffle(v, v, [](int l) { return l ^ kDistance; });
}

/// Pairwise, so that the order of additions is the same for every caller.
template <int kDistance = kLanes / 2>
inline float horizontal_sum(Vec v) {
  v += exchange<kDistance>(v);
  if constexpr (kDistance > 1) return horizontal_sum<kDistance / 2>(v);
  return v[0];
}
template <int kDistance = kLanes / 2>
inline float horizontal_maximum(Vec v) {
  v = maximum(v, exchange<kDistance>(v));
  if constexpr (kDistance > 1) return horizontal_maximum<kDistance / 2>(v);
  return v[0];
}

/// A vector that lies wholly in its array.
struct WholeVector {
  template <class T>
  Vec load(const T* from) const {
    return DNABIRD_TIER::load(from);
  }
  template <class T>
  void store(T* to, Vec v) const {
    DNABIRD_TIER::store(to, v);
  }
  Vec keep(Vec v) const { return v; }
};

/// The first `count` lanes of a vector: the end of an array.
struct PartVector {
  std::int64_t count;
  template <class T>
  Vec load(const T* from) const {
    Vec v{};
    for (int l = 0; l < count; ++l) v[l] = to_float(from[l]);
    return v;
  }
  template <class T>
  void store(T* to, Vec v) const {
    for (int l = 0; l < count; ++l) assign(to[l], v[l]);
  }
  /// v with zeros beyond the end
  Vec keep(Vec v) const {
    for (int l = static_cast<int>(count); l < kLanes; ++l) v[l] = 0;
    return v;
  }
};

/// Calls visit(i, lanes) for i = 0, kLanes, ... < n; `lanes` loads and stores what is left. The
/// end of an array goes through the same vector arithmetic, so that a value does not depend on
/// where it lies.
template <class Visit>
inline void for_vectors(std::int64_t n, const Visit& visit) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) visit(i, WholeVector{});
  if (i < n) visit(i, PartVector{n - i});
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
