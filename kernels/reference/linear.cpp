#include "kernels/reference/linear.h"

#include <algorithm>

#include "kernels/reference/typed.h"

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
}

template <class T>
void linear_backward(const LinearGrad& a) {
  if (a.dx) std::fill_n(as<T>(a.dx), a.rows * a.in, T(0));
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
}

template void linear_forward<float>(const LinearArgs&);
template void linear_forward<double>(const LinearArgs&);
template void linear_backward<float>(const LinearGrad&);
template void linear_backward<double>(const LinearGrad&);

}  // namespace dnabird::kernels::reference
