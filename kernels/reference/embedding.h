// Reference of the embedding: sum of a word, a position and a token type row.
#pragma once

#include "kernels/kernel_set.h"

namespace dnabird::kernels::reference {

/// y[b,t,c] = word[ids[b,t],c] + position[t,c] + token_type[0,c]
template <class T>
void embedding_forward(const EmbeddingArgs& args);

/// For every t < lengths[b]: dword[ids[b,t]] += dy[b,t]; dposition[t] += dy[b,t];
/// dtoken_type[0] += dy[b,t].
template <class T>
void embedding_backward(const EmbeddingGrad& args);

}  // namespace dnabird::kernels::reference
