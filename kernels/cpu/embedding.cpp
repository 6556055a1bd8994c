#include "kernels/cpu/embedding.h"

#include "kernels/cpu/column_sums.h"

namespace dnabird::kernels::cpu {

namespace {

/// dposition[t] += sum over b of dy[b,t]; the sums of all t go to `sums` (T,C).
template <class T>
void position_gradient(const Context& context, const EmbeddingGrad& a, float* sums) {
  const std::int64_t n = a.channels;
  for_each_piece(context, a.tokens, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      float* sum = sums + t * n;
      std::fill_n(sum, n, 0.0f);
      for (std::int64_t b = 0; b < a.batch; ++b) {
        if (t >= a.lengths[b]) continue;
        const T* dy = as<T>(a.dy) + (b * a.tokens + t) * n;
        for (std::int64_t c = 0; c < n; ++c) sum[c] += to_float(dy[c]);
      }
      if (!a.dposition) continue;
      float* dposition = floats(a.dposition) + t * n;
      for (std::int64_t c = 0; c < n; ++c) dposition[c] += sum[c];
    }
  });
}

/// Every thread goes through all tokens for its columns: each sum keeps the order of the tokens.
template <class T>
void word_gradient(const Context& context, const EmbeddingGrad& a) {
  const std::int64_t n = a.channels;
  for_each_piece(context, n, a.batch * a.tokens * n < kPiece ? n : 64,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t b = 0; b < a.batch; ++b) {
                     for (std::int64_t t = 0; t < a.lengths[b]; ++t) {
                       const std::int64_t row = b * a.tokens + t;
                       const T* dy = as<T>(a.dy) + row * n;
                       float* dword = floats(a.dword) + a.ids[row] * n;
                       for (std::int64_t c = begin; c < end; ++c) dword[c] += to_float(dy[c]);
                     }
                   }
                 });
}

}  // namespace

template <class T>
void embedding_forward(const Context& context, const EmbeddingArgs& a) {
  const std::int64_t n = a.channels;
  for_each_piece(context, a.batch * a.tokens, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* word = floats(a.word) + a.ids[row] * n;
      const float* position = floats(a.position) + row % a.tokens * n;
      const float* type = floats(a.token_type);
      T* y = as<T>(a.y) + row * n;
      for (std::int64_t c = 0; c < n; ++c) assign(y[c], word[c] + position[c] + type[c]);
    }
  });
}

template <class T>
void embedding_backward(const Context& context, const EmbeddingGrad& a) {
  if (a.batch == 0 || a.tokens == 0) return;
  if (a.dword) word_gradient<T>(context, a);
  if (!a.dposition && !a.dtoken_type) return;
  const PoolArray sums(context.pool, a.tokens * a.channels);
  position_gradient<T>(context, a, sums.data());
  if (a.dtoken_type) {
    add_column_sums(context, a.tokens, a.channels, sums.data(), floats(a.dtoken_type));
  }
}

template void embedding_forward<float>(const Context&, const EmbeddingArgs&);
template void embedding_forward<Bf16>(const Context&, const EmbeddingArgs&);
template void embedding_backward<float>(const Context&, const EmbeddingGrad&);
template void embedding_backward<Bf16>(const Context&, const EmbeddingGrad&);

}  // namespace dnabird::kernels::cpu
