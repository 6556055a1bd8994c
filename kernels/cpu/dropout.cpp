#include "kernels/cpu/dropout.h"

#include "kernels/philox.h"

namespace dnabird::kernels::cpu {

DropoutDraws with_stream(const DropoutDraws& draws) {
  return {draws.p, draws.seed, dropout_stream(draws.step, draws.stream)};
}

template <class T>
void dropout(const Context& context, const DropoutArgs& a) {
  DropoutArgs drawn = a;
  drawn.draws = with_stream(a.draws);
  for_each_piece(context, a.n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    context.tier.loops<T>().dropout(drawn, begin, end - begin);
  });
}

template void dropout<float>(const Context&, const DropoutArgs&);
template void dropout<Bf16>(const Context&, const DropoutArgs&);

}  // namespace dnabird::kernels::cpu
