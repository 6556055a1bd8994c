#include "kernels/reference/embedding.h"

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void embedding_forward(const EmbeddingArgs& a) {
  const std::int64_t n = a.channels;
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t t = 0; t < a.tokens; ++t) {
      const std::int64_t row = b * a.tokens + t;
      for (std::int64_t c = 0; c < n; ++c) {
        as<T>(a.y)[row * n + c] = as<T>(a.word)[a.ids[row] * n + c] + as<T>(a.position)[t * n + c] +
                                  as<T>(a.token_type)[c];
      }
    }
  }
}

template <class T>
void embedding_backward(const EmbeddingGrad& a) {
  const std::int64_t n = a.channels;
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t t = 0; t < a.lengths[b]; ++t) {
      const std::int64_t row = b * a.tokens + t;
      for (std::int64_t c = 0; c < n; ++c) {
        const T dy = as<T>(a.dy)[row * n + c];
        if (a.dword) as<T>(a.dword)[a.ids[row] * n + c] += dy;
        if (a.dposition) as<T>(a.dposition)[t * n + c] += dy;
        if (a.dtoken_type) as<T>(a.dtoken_type)[c] += dy;
      }
    }
  }
}

template void embedding_forward<float>(const EmbeddingArgs&);
template void embedding_forward<double>(const EmbeddingArgs&);
template void embedding_backward<float>(const EmbeddingGrad&);
template void embedding_backward<double>(const EmbeddingGrad&);

}  // namespace dnabird::kernels::reference
