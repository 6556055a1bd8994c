// In what form block attention keeps its operands: f32; bf16 that becomes f32 when it is packed
// (every tier); bf16 that is multiplied as it is (AVX-512 BF16).
//
// A form has: Element, what lies in memory; kPair, elements of a word of an operand; `words`,
// kLanes words from memory; `broadcast` and `multiply_add` on words; `values` and `put`, elements
// to and from f32. Vectors of words are only moved: their floats mean nothing if they hold pairs.
#pragma once

#include "kernels/cpu/simd/math.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

inline WordVec bits_of(Vec v) {
  WordVec bits;
  __builtin_memcpy(&bits, &v, sizeof bits);
  return bits;
}
inline Vec floats_of(WordVec bits) {
  Vec v;
  __builtin_memcpy(&v, &bits, sizeof v);
  return v;
}

/// The first n of kLanes elements at `from`, the others 0. n may be more than kLanes.
template <class Vector, class Element>
inline Vector load_first(const Element* from, std::int64_t n) {
  Vector v{};
  if (n >= kLanes) {
    __builtin_memcpy(&v, from, sizeof v);
    return v;
  }
#if defined(__AVX512BW__) && defined(__AVX512VL__) && DNABIRD_LANES == 16
  if constexpr (sizeof(Element) == 4) {
    const __m512i some = _mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << n) - 1), from);
    __builtin_memcpy(&v, &some, sizeof v);
  } else {
    const __m256i some = _mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << n) - 1), from);
    __builtin_memcpy(&v, &some, sizeof v);
  }
#else
  for (int l = 0; l < n; ++l) v[l] = from[l];
#endif
  return v;
}

/// Writes the first n lanes.
template <class Vector, class Element>
inline void store_first(Element* to, Vector v, std::int64_t n) {
  if (n >= kLanes) {
    __builtin_memcpy(to, &v, sizeof v);
  } else {
    for (int l = 0; l < n; ++l) to[l] = v[l];
  }
}

/// bf16 to f32: the upper half of the bits.
inline Vec widen(HalfVec v) { return floats_of(__builtin_convertvector(v, WordVec) << 16); }

/// f32 to bf16, to nearest even; NaN stays NaN.
inline HalfVec narrow(Vec v) {
#if defined(__AVX512BF16__) && defined(__AVX512VL__) && DNABIRD_LANES == 16
  __m512 from;
  __builtin_memcpy(&from, &v, sizeof from);
  const __m256bh rounded = _mm512_cvtneps_pbh(from);
  HalfVec half;
  __builtin_memcpy(&half, &rounded, sizeof half);
  return half;
#else
  const WordVec bits = bits_of(v);
  const WordVec rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  const WordVec quiet = (bits >> 16) | 0x40u;
  // NOLINTNEXTLINE(misc-redundant-expression): false for NaN
  return __builtin_convertvector(v == v ? rounded : quiet, HalfVec);
#endif
}

/// f32 in memory and in products.
struct FloatForm {
  using Element = float;
  static constexpr int kPair = 1;

  static Vec words(const float* from, std::int64_t n) { return load_first<Vec>(from, n); }
  static Vec values(const float* from, std::int64_t n) { return load_first<Vec>(from, n); }
  static void put(float* to, Vec v, std::int64_t n) { store_first(to, v, n); }
  static Vec broadcast(const float* word) { return DNABIRD_TIER::broadcast(*word); }
  static Vec multiply_add(Vec a, Vec b, Vec sum) { return a * b + sum; }
  static Vec exp2(Vec x) { return exp2_or_tiny(x); }
};

/// bf16 in memory, f32 in products.
struct WidenedForm : FloatForm {
  using Element = std::uint16_t;

  static Vec values(const Element* from, std::int64_t n) {
    return widen(load_first<HalfVec>(from, n));
  }
  static Vec words(const Element* from, std::int64_t n) { return values(from, n); }
  static void put(Element* to, Vec v, std::int64_t n) { store_first(to, narrow(v), n); }
};

#if defined(__AVX512BF16__) && DNABIRD_LANES == 16
/// bf16 in memory and in products, pairs of neighbours in depth together.
struct PairForm {
  using Element = std::uint16_t;
  static constexpr int kPair = 2;

  /// n in words
  static Vec words(const Element* from, std::int64_t n) {
    return load_first<Vec>(reinterpret_cast<const float*>(from), n);
  }
  static Vec values(const Element* from, std::int64_t n) { return WidenedForm::values(from, n); }
  static void put(Element* to, Vec v, std::int64_t n) { WidenedForm::put(to, v, n); }
  static Vec broadcast(const float* word) {
    std::int32_t bits;
    __builtin_memcpy(&bits, word, sizeof bits);
    return reinterpret_cast<Vec>(_mm512_set1_epi32(bits));
  }
  static Vec multiply_add(Vec a, Vec b, Vec sum) {
    return reinterpret_cast<Vec>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                  reinterpret_cast<__m512bh>(a),
                                                  reinterpret_cast<__m512bh>(b)));
  }
  static Vec exp2(Vec x) { return exp2_or_tiny_rough(x); }

  /// Two vectors of values in bf16, one behind the other.
  static Vec narrow_both(Vec first, Vec second) {
    return reinterpret_cast<Vec>(
        _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(second), reinterpret_cast<__m512>(first)));
  }
  /// The same in turns: each word has one of both.
  static Vec in_turns(Vec both) {
    typedef std::uint16_t Halves __attribute__((vector_size(DNABIRD_LANES * 4)));
    const Halves halves = reinterpret_cast<Halves>(both);
    return reinterpret_cast<Vec>(
        shuffle(halves, halves, [](int l) { return l / 2 + l % 2 * DNABIRD_LANES; }));
  }
  /// Words of a column of two rows: `upper` is the second of the pair.
  static Vec interleave(HalfVec lower, HalfVec upper) {
    return floats_of(__builtin_convertvector(lower, WordVec) |
                     (__builtin_convertvector(upper, WordVec) << 16));
  }
};
#endif

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
