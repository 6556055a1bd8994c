#include "kernels/reference/losses.h"

#include <algorithm>
#include <cmath>

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

namespace {

template <class T>
T softplus(T x) {
  return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
}

template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}

/// Sets result[i] = value(x, y, weight of the target) for every element, 0 where y is NaN.
/// Args is ElementLossArgs or ElementLossGrad.
template <class T, class Args, class Value>
void for_each_element(const Args& a, T* result, Value value) {
  for (std::int64_t i = 0; i < a.rows * a.targets; ++i) {
    const T y = as<T>(a.truth)[i];
    const T weight = a.weights ? as<T>(a.weights)[i % a.targets] : T(1);
    result[i] = std::isnan(y) ? T(0) : value(as<T>(a.predictions)[i], y, weight);
  }
}

}  // namespace

template <class T>
void cross_entropy_forward(const CrossEntropyArgs& a) {
  for (std::int64_t r = 0; r < a.rows; ++r) {
    const T* x = as<T>(a.logits) + r * a.classes;
    const T top = *std::max_element(x, x + a.classes);
    T sum = 0;
    for (std::int64_t k = 0; k < a.classes; ++k) sum += std::exp(x[k] - top);
    const T lse = top + std::log(sum);
    as<T>(a.log_sum_exp)[r] = lse;
    const std::int32_t label = a.labels[r];
    const T weight = label >= 0 && a.class_weights ? as<T>(a.class_weights)[label] : T(1);
    as<T>(a.losses)[r] = label >= 0 ? weight * (lse - x[label]) : T(0);
  }
}

template <class T>
void cross_entropy_backward(const CrossEntropyGrad& a) {
  for (std::int64_t r = 0; r < a.rows; ++r) {
    const T* x = as<T>(a.logits) + r * a.classes;
    T* dx = as<T>(a.dlogits) + r * a.classes;
    const std::int32_t label = a.labels[r];
    if (label < 0) {
      std::fill_n(dx, a.classes, T(0));
      continue;
    }
    T scale = static_cast<T>(a.scale.value());
    if (a.class_weights) scale *= as<T>(a.class_weights)[label];
    for (std::int64_t k = 0; k < a.classes; ++k) {
      dx[k] = scale * (std::exp(x[k] - as<T>(a.log_sum_exp)[r]) - (k == label ? T(1) : T(0)));
    }
  }
}

template <class T>
void binary_cross_entropy_forward(const ElementLossArgs& a) {
  for_each_element(a, as<T>(a.losses), [](T x, T y, T weight) {
    return weight * y * softplus(-x) + (T(1) - y) * softplus(x);
  });
}

template <class T>
void binary_cross_entropy_backward(const ElementLossGrad& a) {
  const T scale = static_cast<T>(a.scale.value());
  for_each_element(a, as<T>(a.dpredictions), [scale](T x, T y, T weight) {
    return scale * ((T(1) - y) * sigmoid(x) - weight * y * sigmoid(-x));
  });
}

template <class T>
void squared_error_forward(const ElementLossArgs& a) {
  for_each_element(a, as<T>(a.losses),
                   [](T x, T y, T weight) { return weight * (x - y) * (x - y); });
}

template <class T>
void squared_error_backward(const ElementLossGrad& a) {
  const T scale = static_cast<T>(a.scale.value());
  for_each_element(a, as<T>(a.dpredictions),
                   [scale](T x, T y, T weight) { return scale * weight * T(2) * (x - y); });
}

template void cross_entropy_forward<float>(const CrossEntropyArgs&);
template void cross_entropy_forward<double>(const CrossEntropyArgs&);
template void cross_entropy_backward<float>(const CrossEntropyGrad&);
template void cross_entropy_backward<double>(const CrossEntropyGrad&);
template void binary_cross_entropy_forward<float>(const ElementLossArgs&);
template void binary_cross_entropy_forward<double>(const ElementLossArgs&);
template void binary_cross_entropy_backward<float>(const ElementLossGrad&);
template void binary_cross_entropy_backward<double>(const ElementLossGrad&);
template void squared_error_forward<float>(const ElementLossArgs&);
template void squared_error_forward<double>(const ElementLossArgs&);
template void squared_error_backward<float>(const ElementLossGrad&);
template void squared_error_backward<double>(const ElementLossGrad&);

}  // namespace dnabird::kernels::reference
