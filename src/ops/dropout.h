// Inverted dropout from a counter: backward draws the same words again, so no mask is kept.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace dnabird::ops {

/// One use of dropout: element i draws word i of the Philox stream (seed, stream), with a step of
/// (seed, mix(step, stream)).
struct Dropout {
  double p = 0;  // probability to drop, in [0, 1)
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  core::Tensor step = {};  // (2) i32, the 64 bits of the step, low half first; may be empty
};

/// What kernels take; `op` names who asks. The tensor must live as long.
/// Throws std::logic_error if p is not in [0, 1) or the step is not of that shape.
kernels::DropoutDraws draws_of(const Dropout& dropout, const char* op);

/// Each element of x is dropped, or kept and scaled by 1/(1-p), in place.
/// Throws std::logic_error as draws_of().
void dropout_forward(const Dropout& dropout, core::Tensor& x);

/// dx of dy under the same draws; dy stays as it is.
core::Tensor dropout_backward(const Dropout& dropout, const core::Tensor& dy);

}  // namespace dnabird::ops
