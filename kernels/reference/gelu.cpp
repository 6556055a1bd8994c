#include "kernels/reference/gelu.h"

#include <cmath>
#include <numbers>

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

namespace {

template <class T>
constexpr T kCubic = T(0.044715);
template <class T>
constexpr T kSqrtTwoOverPi = std::numbers::sqrt2_v<T>* std::numbers::inv_sqrtpi_v<T>;

template <class T>
T tanh_term(T x) {
  return std::tanh(kSqrtTwoOverPi<T> * (x + kCubic<T> * x * x * x));
}

template <class T>
T erf_term(T x) {
  return std::erf(x / std::numbers::sqrt2_v<T>);
}

template <class T>
T slope(Gelu kind, T x) {
  if (kind == Gelu::tanh) {
    const T t = tanh_term(x);
    const T inner_slope = kSqrtTwoOverPi<T> * (T(1) + T(3) * kCubic<T> * x * x);
    return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner_slope;
  }
  const T density = T(0.5) * kSqrtTwoOverPi<T> * std::exp(T(-0.5) * x * x);
  return T(0.5) * (T(1) + erf_term(x)) + x * density;
}

}  // namespace

template <class T>
void gelu_forward(Gelu kind, std::int64_t n, const void* x_in, void* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T x = as<T>(x_in)[i];
    as<T>(y)[i] = T(0.5) * x * (T(1) + (kind == Gelu::tanh ? tanh_term(x) : erf_term(x)));
  }
}

template <class T>
void gelu_backward(Gelu kind, std::int64_t n, const void* x, const void* dy, void* dx) {
  for (std::int64_t i = 0; i < n; ++i) as<T>(dx)[i] = as<T>(dy)[i] * slope(kind, as<T>(x)[i]);
}

template void gelu_forward<float>(Gelu, std::int64_t, const void*, void*);
template void gelu_forward<double>(Gelu, std::int64_t, const void*, void*);
template void gelu_backward<float>(Gelu, std::int64_t, const void*, const void*, void*);
template void gelu_backward<double>(Gelu, std::int64_t, const void*, const void*, void*);

}  // namespace dnabird::kernels::reference
