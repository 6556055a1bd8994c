#include "kernels/cpu/gelu.h"

namespace dnabird::kernels::cpu {

template <class T>
void gelu_forward(const Context& context, Gelu kind, std::int64_t n, const void* x, void* y) {
  for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    context.tier.loops<T>().gelu_forward(kind, end - begin, as<T>(x) + begin, as<T>(y) + begin);
  });
}

template <class T>
void gelu_backward(const Context& context, Gelu kind, const GeluGrad& a) {
  for_each_piece(context, a.n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    context.tier.loops<T>().gelu_backward(kind, end - begin, as<T>(a.x) + begin,
                                          as<T>(a.dy) + begin, as<T>(a.dx) + begin);
  });
}

template void gelu_forward<float>(const Context&, Gelu, std::int64_t, const void*, void*);
template void gelu_forward<Bf16>(const Context&, Gelu, std::int64_t, const void*, void*);
template void gelu_backward<float>(const Context&, Gelu, const GeluGrad&);
template void gelu_backward<Bf16>(const Context&, Gelu, const GeluGrad&);

}  // namespace dnabird::kernels::cpu
