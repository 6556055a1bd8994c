#include "kernels/cpu/linear.h"

#include "kernels/cpu/linear_onednn.h"
#include "kernels/cpu/linear_tiles.h"

namespace dnabird::kernels::cpu {

template <class T>
void linear_forward(const Context& context, const LinearArgs& a) {
  if (a.rows == 0) return;
  if constexpr (std::is_same_v<T, float>) {
    if (!context.onednn) return linear_forward_by_tiles(context, a);
  }
  linear_forward_by_onednn<T>(context, a);
}

template <class T>
void linear_backward(const Context& context, const LinearGrad& a) {
  if (a.rows == 0) return;
  if constexpr (std::is_same_v<T, float>) {
    if (!context.onednn) return linear_backward_by_tiles(context, a);
  }
  linear_backward_by_onednn<T>(context, a);
}

template void linear_forward<float>(const Context&, const LinearArgs&);
template void linear_forward<Bf16>(const Context&, const LinearArgs&);
template void linear_backward<float>(const Context&, const LinearGrad&);
template void linear_backward<Bf16>(const Context&, const LinearGrad&);

}  // namespace dnabird::kernels::cpu
