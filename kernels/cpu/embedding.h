// The embedding: sum of a word, a position and a token type row.
#pragma once

#include "kernels/cpu/context.h"

namespace dnabird::kernels::cpu {

void embedding_forward(const Context& context, const EmbeddingArgs& args);
void embedding_backward(const Context& context, const EmbeddingGrad& args);

}  // namespace dnabird::kernels::cpu
