// The embedding: sum of a word, a position and a token type row. T = float or Bf16 is the type of
// y and dy; tables and their gradients are floats.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

template <class T>
void embedding_forward(const Context& context, const EmbeddingArgs& args);
template <class T>
void embedding_backward(const Context& context, const EmbeddingGrad& args);

}  // namespace dnabird::kernels::cpu
