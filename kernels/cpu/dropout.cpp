#include "kernels/cpu/dropout.h"

namespace dnabird::kernels::cpu {

template <class T>
void dropout(const Context& context, const DropoutArgs& a) {
  for_each_piece(context, a.n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    context.tier.loops<T>().dropout(a, begin, end - begin);
  });
}

template void dropout<float>(const Context&, const DropoutArgs&);
template void dropout<Bf16>(const Context&, const DropoutArgs&);

}  // namespace dnabird::kernels::cpu
