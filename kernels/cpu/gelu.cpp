#include "kernels/cpu/gelu.h"

namespace dnabird::kernels::cpu {

void gelu_forward(const Context& context, Gelu kind, std::int64_t n, const void* x, void* y) {
  for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    context.tier.gelu_forward(kind, end - begin, floats(x) + begin, floats(y) + begin);
  });
}

void gelu_backward(const Context& context, Gelu kind, const GeluGrad& a) {
  for_each_piece(context, a.n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    context.tier.gelu_backward(kind, end - begin, floats(a.x) + begin, floats(a.dy) + begin,
                               floats(a.dx) + begin);
  });
}

}  // namespace dnabird::kernels::cpu
