#include "kernels/reference/layer_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/reference/dropout.h"
#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void layer_norm_forward(const LayerNormArgs& a) {
  const std::int64_t n = a.channels;
  const ElementDropout<T> drop(a.dropout);
  std::vector<T> s(n);
  for (std::int64_t r = 0; r < a.rows; ++r) {
    for (std::int64_t c = 0; c < n; ++c) s[c] = drop(r * n + c, as<T>(a.x)[r * n + c]);
    if (a.residual) {
      for (std::int64_t c = 0; c < n; ++c) s[c] += as<T>(a.residual)[r * n + c];
    }
    if (a.sum) std::copy(s.begin(), s.end(), as<T>(a.sum) + r * n);
    T mean = 0, variance = 0;
    for (const T value : s) mean += value;
    mean /= static_cast<T>(n);
    for (const T value : s) variance += (value - mean) * (value - mean);
    variance /= static_cast<T>(n);
    const T rstd = T(1) / std::sqrt(variance + static_cast<T>(a.epsilon));
    for (std::int64_t c = 0; c < n; ++c) {
      as<T>(a.y)[r * n + c] = (s[c] - mean) * rstd * as<T>(a.gamma)[c] + as<T>(a.beta)[c];
    }
    as<T>(a.mean)[r] = mean;
    as<T>(a.rstd)[r] = rstd;
  }
}

template <class T>
void layer_norm_backward(const LayerNormGrad& a) {
  const std::int64_t n = a.channels;
  const ElementDropout<T> drop(a.dropout);
  for (std::int64_t r = 0; r < a.rows; ++r) {
    const T* x = as<T>(a.x) + r * n;
    const T* dy = as<T>(a.dy) + r * n;
    const T mean = as<T>(a.mean)[r], rstd = as<T>(a.rstd)[r];
    T mean_g = 0, mean_gx = 0;
    for (std::int64_t c = 0; c < n; ++c) {
      const T x_hat = (x[c] - mean) * rstd, g = dy[c] * as<T>(a.gamma)[c];
      mean_g += g;
      mean_gx += g * x_hat;
      if (a.dgamma) as<T>(a.dgamma)[c] += dy[c] * x_hat;
      if (a.dbeta) as<T>(a.dbeta)[c] += dy[c];
    }
    mean_g /= static_cast<T>(n);
    mean_gx /= static_cast<T>(n);
    for (std::int64_t c = 0; c < n; ++c) {
      const T x_hat = (x[c] - mean) * rstd, g = dy[c] * as<T>(a.gamma)[c];
      const T dx = rstd * (g - mean_g - x_hat * mean_gx);
      if (a.dx) as<T>(a.dx)[r * n + c] = dx;
      if (a.ddropped) as<T>(a.ddropped)[r * n + c] = drop(r * n + c, dx);
    }
  }
}

template void layer_norm_forward<float>(const LayerNormArgs&);
template void layer_norm_forward<double>(const LayerNormArgs&);
template void layer_norm_backward<float>(const LayerNormGrad&);
template void layer_norm_backward<double>(const LayerNormGrad&);

}  // namespace dnabird::kernels::reference
