#include "kernels/reference/optimizer.h"

#include <cmath>

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void adamw(const AdamWArgs& a) {
  const double correction1 = 1.0 - std::pow(a.beta1, static_cast<double>(a.step));
  const double correction2 = 1.0 - std::pow(a.beta2, static_cast<double>(a.step));
  for (std::int64_t i = 0; i < a.n; ++i) {
    const T g = as<T>(a.gradient)[i] * static_cast<T>(a.gradient_scale);
    T& m = as<T>(a.first_moment)[i];
    T& v = as<T>(a.second_moment)[i];
    T& w = as<T>(a.value)[i];
    m = static_cast<T>(a.beta1) * m + static_cast<T>(1.0 - a.beta1) * g;
    v = static_cast<T>(a.beta2) * v + static_cast<T>(1.0 - a.beta2) * g * g;
    const T m_hat = m / static_cast<T>(correction1);
    const T v_hat = v / static_cast<T>(correction2);
    const T direction = m_hat / (std::sqrt(v_hat) + static_cast<T>(a.epsilon));
    w -= static_cast<T>(a.learning_rate) * (direction + static_cast<T>(a.weight_decay) * w);
  }
}

template <class T>
double sum(std::int64_t n, const void* x) {
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) total += static_cast<double>(as<T>(x)[i]);
  return total;
}

template <class T>
double sum_of_squares(std::int64_t n, const void* x) {
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double value = static_cast<double>(as<T>(x)[i]);
    total += value * value;
  }
  return total;
}

template void adamw<float>(const AdamWArgs&);
template void adamw<double>(const AdamWArgs&);
template double sum<float>(std::int64_t, const void*);
template double sum<double>(std::int64_t, const void*);
template double sum_of_squares<float>(std::int64_t, const void*);
template double sum_of_squares<double>(std::int64_t, const void*);

}  // namespace dnabird::kernels::reference
