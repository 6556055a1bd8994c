// What is compiled once per instruction set: the inner loops, each on one thread and on a range
// that the caller cut. To add an instruction set: a file tier_<name>.cpp, its flags in
// CMakeLists.txt, a line in pick_tier().
#pragma once

#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/cpu/attention_head.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cpu {

enum class Start { zero, bias, add };            // c = a b; c = bias + a b; c += a b
enum class Layout { rows, transposed, packed };  // of a: (rows,depth); (depth,rows); pack_left

/// c (rows,columns) from a (rows,depth) and b (depth,columns) in panels.
struct Product {
  std::int64_t rows, columns, depth;
  const float* a;
  std::int64_t a_stride;  // between rows; between depths if transposed; between panels if packed
  const float* b;         // as pack_rows or pack_transposed leaves it
  std::int64_t b_panel;   // floats from one panel to the next
  float* c;
  std::int64_t c_stride;
  const float* bias = nullptr;  // (columns)
  Start start = Start::zero;
  Layout a_layout = Layout::rows;
};

/// Copies a matrix into panels; see each function for what the axes are.
struct Packing {
  std::int64_t depth, columns;
  const float* from;
  std::int64_t stride;  // between rows of `from`
  float* to;
  std::int64_t panel_stride;  // floats from one panel to the next
};

/// One range of AdamW, with what is the same for all elements worked out.
struct AdamWRange {
  std::int64_t n;
  float decay, step_size, epsilon, gradient_scale;
  float beta1, beta2, rest1, rest2;  // rest = 1 - beta, subtracted in double
  float second_correction;           // 1 / sqrt(1 - beta2^step)
  const float* gradient;
  float *value, *first_moment, *second_moment;
};

/// Loops over activations, which are floats or Bf16.
template <class T>
struct ElementLoops {
  void (*gelu_forward)(Gelu kind, std::int64_t n, const T* x, T* y);  // y may equal x
  void (*gelu_backward)(Gelu kind, std::int64_t n, const T* x, const T* dy, T* dx);
  /// Elements [begin, begin + n) of the args; begin is a multiple of 4. Reads no step.
  void (*dropout)(const DropoutArgs&, std::int64_t begin, std::int64_t n);
  /// Rows [begin, end)
  void (*layer_norm_forward)(const LayerNormArgs&, std::int64_t begin, std::int64_t end);
  /// Rows [begin, end); sums of dgamma and dbeta over them go to the two (C) buffers.
  void (*layer_norm_backward)(const LayerNormGrad&, std::int64_t begin, std::int64_t end,
                              float* dgamma, float* dbeta);
};

struct Tier {
  const char* name;
  std::int64_t panel;      // columns of a panel of b
  std::int64_t tile_rows;  // rows of a panel of a
  bool uses_onednn;        // for the products of linear layers

  void (*product)(const Product&);
  void (*pack_rows)(const Packing&);
  void (*pack_transposed)(const Packing&);
  void (*pack_left)(const Packing&);

  ElementLoops<float> for_floats;
  ElementLoops<Bf16> for_bf16;
  template <class T>
  const ElementLoops<T>& loops() const;

  /// log sum exp of x (n), n >= 1
  float (*log_sum_exp)(std::int64_t n, const float* x);
  /// y[i] = scale * exp(x[i] - shift)
  void (*scaled_exponential)(std::int64_t n, const float* x, float shift, float scale, float* y);
  void (*adamw)(const AdamWRange&);

  AttentionKernels attention;       // f32
  AttentionKernels attention_bf16;  // bf16 in memory
};

template <>
inline const ElementLoops<float>& Tier::loops<float>() const {
  return for_floats;
}
template <>
inline const ElementLoops<Bf16>& Tier::loops<Bf16>() const {
  return for_bf16;
}

/// The fastest tier that this processor runs, or the one that the environment variable
/// DNABIRD_ISA names (baseline, avx2, avx512 or avx512_bf16). Throws std::invalid_argument if that
/// is none, or none that this processor runs.
const Tier& pick_tier();

/// Whether bf16 runs natively with this tier.
bool multiplies_bf16(const Tier& tier);

/// The one with vectors of half the width; the tier itself where there is none.
const Tier& narrower_tier(const Tier& tier);

/// The tiers of this build; null where it was not compiled in.
const Tier* baseline_tier();
const Tier* avx2_tier();
const Tier* avx512_tier();
const Tier* avx512_bf16_tier();

}  // namespace dnabird::kernels::cpu
