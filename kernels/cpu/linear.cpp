#include "kernels/cpu/linear.h"

#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/linear_onednn.h"
#include "kernels/cpu/linear_tiles.h"

namespace dnabird::kernels::cpu {

void linear_forward(const Context& context, const LinearArgs& a) {
  if (a.rows == 0) return;
  context.onednn ? linear_rows_by_onednn(context, a) : linear_rows_by_tiles(context, a);
}

void linear_backward(const Context& context, const LinearGrad& a) {
  if (a.rows == 0) return;
  if (a.dx) context.onednn ? linear_dx_by_onednn(context, a) : linear_dx_by_tiles(context, a);
  if (a.dw) context.onednn ? linear_dw_by_onednn(context, a) : linear_dw_by_tiles(context, a);
  if (a.dbias) add_column_sums(context, a.rows, a.out, floats(a.dy), floats(a.dbias));
}

}  // namespace dnabird::kernels::cpu
