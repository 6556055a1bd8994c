#include "kernels/cpu/dropout.h"

namespace dnabird::kernels::cpu {

void dropout(const Context& context, const DropoutArgs& a) {
  for_each_piece(context, a.n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    context.tier.dropout(a, begin, end - begin);
  });
}

}  // namespace dnabird::kernels::cpu
