#include "kernels/reference/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void adamw(const AdamWArgs& a) {
  const double correction1 = 1.0 - std::pow(a.beta1, static_cast<double>(a.step));
  const double correction2 = 1.0 - std::pow(a.beta2, static_cast<double>(a.step));
  const double scale = clip_scale(a.clip, *a.gradient_squares);
  if (std::isnan(scale)) return;
  for (std::int64_t i = 0; i < a.n; ++i) {
    const T g = as<T>(a.gradient)[i] * static_cast<T>(scale);
    T& m = as<T>(a.first_moment)[i];
    T& v = as<T>(a.second_moment)[i];
    T& w = as<T>(a.value)[i];
    m = static_cast<T>(a.beta1) * m + static_cast<T>(1.0 - a.beta1) * g;
    v = static_cast<T>(a.beta2) * v + static_cast<T>(1.0 - a.beta2) * g * g;
    const T m_hat = m / static_cast<T>(correction1);
    const T v_hat = v / static_cast<T>(correction2);
    const T direction = m_hat / (std::sqrt(v_hat) + static_cast<T>(a.epsilon));
    const std::int64_t span = std::upper_bound(a.span_ends, a.span_ends + a.spans, i) - a.span_ends;
    const double decay = span % 2 == 0 ? a.weight_decay : 0;
    w -= static_cast<T>(a.learning_rate) * (direction + static_cast<T>(decay) * w);
  }
}

template <class T>
void sum(std::int64_t n, const void* x, double* total) {
  *total = 0;
  for (std::int64_t i = 0; i < n; ++i) *total += static_cast<double>(as<T>(x)[i]);
}

template <class T>
void sum_of_squares(std::int64_t n, const void* x, double* total) {
  *total = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double value = static_cast<double>(as<T>(x)[i]);
    *total += value * value;
  }
}

template void adamw<float>(const AdamWArgs&);
template void adamw<double>(const AdamWArgs&);
template void sum<float>(std::int64_t, const void*, double*);
template void sum<double>(std::int64_t, const void*, double*);
template void sum_of_squares<float>(std::int64_t, const void*, double*);
template void sum_of_squares<double>(std::int64_t, const void*, double*);

}  // namespace dnabird::kernels::reference
