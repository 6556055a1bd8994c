#include "kernels/cpu/linear.h"

#include "kernels/cpu/linear_onednn.h"
#include "kernels/cpu/linear_tiles.h"

namespace dnabird::kernels::cpu {

void linear_forward(const Context& context, const LinearArgs& a) {
  if (a.rows == 0) return;
  context.onednn ? linear_forward_by_onednn(context, a) : linear_forward_by_tiles(context, a);
}

void linear_backward(const Context& context, const LinearGrad& a) {
  if (a.rows == 0) return;
  context.onednn ? linear_backward_by_onednn(context, a) : linear_backward_by_tiles(context, a);
}

}  // namespace dnabird::kernels::cpu
