// The embedding: sum of a word, a position and a token type row. T = float or Bf16 is the type of
// y and dy; tables and their gradients are floats.
#pragma once

#include "kernels/cuda/runtime/context.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::cuda {

template <class T>
void embedding_forward(const Context& context, const EmbeddingArgs& args);
/// The gradient of a word adds up its tokens in the order of the rows, divided as segments.h says.
template <class T>
void embedding_backward(const Context& context, const EmbeddingGrad& args);

}  // namespace dnabird::kernels::cuda
