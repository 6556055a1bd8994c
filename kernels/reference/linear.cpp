#include "kernels/reference/linear.h"

#include <algorithm>

#include "kernels/reference/gelu.h"
#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void linear_forward(const LinearArgs& a) {
  for (std::int64_t r = 0; r < a.rows; ++r) {
    for (std::int64_t o = 0; o < a.out; ++o) {
      T sum = a.bias ? as<T>(a.bias)[o] : T(0);
      for (std::int64_t i = 0; i < a.in; ++i) {
        sum += as<T>(a.x)[r * a.in + i] * as<T>(a.w)[o * a.in + i];
      }
      as<T>(a.y)[r * a.out + o] = sum;
    }
  }
  const std::int64_t n = a.rows * a.out;
  if (a.before_gelu) std::copy_n(as<T>(a.y), n, as<T>(a.before_gelu));
  if (a.gelu) gelu_forward<T>(*a.gelu, n, a.y, a.y);
}

template <class T>
void linear_backward(const LinearGrad& a) {
  if (a.dx) {
    for (std::int64_t i = 0; i < a.rows * a.in; ++i) {
      as<T>(a.dx)[i] = a.dx_start ? as<T>(a.dx_start)[i] : T(0);
    }
  }
  for (std::int64_t r = 0; r < a.rows; ++r) {
    for (std::int64_t o = 0; o < a.out; ++o) {
      const T dy = as<T>(a.dy)[r * a.out + o];
      for (std::int64_t i = 0; i < a.in; ++i) {
        if (a.dx) as<T>(a.dx)[r * a.in + i] += dy * as<T>(a.w)[o * a.in + i];
        if (a.dw) as<T>(a.dw)[o * a.in + i] += dy * as<T>(a.x)[r * a.in + i];
      }
      if (a.dbias) as<T>(a.dbias)[o] += dy;
    }
  }
  if (a.dx && a.gelu_of_x) {
    gelu_backward<T>(*a.gelu_of_x, a.rows * a.in, a.before_gelu, a.dx, a.dx);
  }
}

template void linear_forward<float>(const LinearArgs&);
template void linear_forward<double>(const LinearArgs&);
template void linear_backward<float>(const LinearGrad&);
template void linear_backward<double>(const LinearGrad&);

}  // namespace dnabird::kernels::reference
