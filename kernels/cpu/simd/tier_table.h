// The table of a tier. Included last by a tier file.
#pragma once

#include "kernels/cpu/simd/attention_backward.h"
#include "kernels/cpu/simd/attention_forward.h"
#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/product.h"
#include "kernels/cpu/simd/rows.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

enum class Products { own, onednn };

template <class T>
constexpr ElementLoops<T> kLoops{gelu_forward<T>, gelu_backward<T>, dropout<T>,
                                 layer_norm_forward<T>, layer_norm_backward<T>};

#if defined(__AVX512BF16__) && DNABIRD_LANES == 16
using HalfForm = PairForm;
#else
using HalfForm = WidenedForm;
#endif

template <class Form>
inline constexpr AttentionKernels attention_kernels() {
  return {.lanes = kLanes,
          .pair = Form::kPair,
          .strip_rows = kTileRows,
          .pack = attention_pack<Form>,
          .forward = attention_forward<Form>,
          .pack_backward = attention_pack_backward<Form>,
          .head = attention_head<Form>,
          .queries = attention_queries<Form>,
          .keys = attention_keys<Form>};
}

inline constexpr Tier make_tier(const char* name, Products products) {
  return {.name = name,
          .panel = kPanel,
          .tile_rows = kTileRows,
          .uses_onednn = products == Products::onednn,
          .product = product,
          .pack_rows = pack_rows,
          .pack_transposed = pack_transposed,
          .pack_left = pack_left,
          .for_floats = kLoops<float>,
          .for_bf16 = kLoops<Bf16>,
          .log_sum_exp = log_sum_exp,
          .scaled_exponential = scaled_exponential,
          .adamw = adamw,
          .attention = attention_kernels<FloatForm>(),
          .attention_bf16 = attention_kernels<HalfForm>()};
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
