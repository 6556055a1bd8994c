#include "kernels/cpu/losses.h"

#include <cmath>

namespace dnabird::kernels::cpu {

namespace {

float softplus(float x) { return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x))); }
float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

std::int64_t rows_of_piece(std::int64_t columns) {
  return std::max<std::int64_t>(1, kPiece / 4 / std::max<std::int64_t>(1, columns));
}

/// result[r,k] = value(x, y, weight of k), 0 where the target y is NaN. Args is ElementLossArgs or
/// ElementLossGrad.
template <class Args, class Value>
void for_each_element(const Context& context, const Args& a, float* result, const Value& value) {
  const float* weights = floats(a.weights);
  for_each_piece(context, a.rows, rows_of_piece(a.targets),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     for (std::int64_t k = 0; k < a.targets; ++k) {
                       const std::int64_t i = r * a.targets + k;
                       const float x = floats(a.predictions)[i], y = floats(a.truth)[i];
                       result[i] = std::isnan(y) ? 0.0f : value(x, y, weights ? weights[k] : 1.0f);
                     }
                   }
                 });
}

}  // namespace

void cross_entropy_forward(const Context& context, const CrossEntropyArgs& a) {
  for_each_piece(context, a.rows, rows_of_piece(a.classes),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     const float* x = floats(a.logits) + r * a.classes;
                     const float lse = context.tier.log_sum_exp(a.classes, x);
                     floats(a.log_sum_exp)[r] = lse;
                     const std::int32_t label = a.labels[r];
                     const bool weighted = label >= 0 && a.class_weights;
                     const float weight = weighted ? floats(a.class_weights)[label] : 1.0f;
                     floats(a.losses)[r] = label >= 0 ? weight * (lse - x[label]) : 0.0f;
                   }
                 });
}

void cross_entropy_backward(const Context& context, const CrossEntropyGrad& a) {
  const double total_scale = a.scale.value();
  for_each_piece(context, a.rows, rows_of_piece(a.classes),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     float* dx = floats(a.dlogits) + r * a.classes;
                     const std::int32_t label = a.labels[r];
                     if (label < 0) {
                       std::fill_n(dx, a.classes, 0.0f);
                       continue;
                     }
                     const double weight = a.class_weights ? floats(a.class_weights)[label] : 1.0;
                     const float scale = static_cast<float>(total_scale * weight);
                     context.tier.scaled_exponential(a.classes, floats(a.logits) + r * a.classes,
                                                     floats(a.log_sum_exp)[r], scale, dx);
                     dx[label] -= scale;
                   }
                 });
}

void binary_cross_entropy_forward(const Context& context, const ElementLossArgs& a) {
  for_each_element(context, a, floats(a.losses), [](float x, float y, float weight) {
    return weight * y * softplus(-x) + (1.0f - y) * softplus(x);
  });
}

void binary_cross_entropy_backward(const Context& context, const ElementLossGrad& a) {
  const float scale = static_cast<float>(a.scale.value());
  for_each_element(context, a, floats(a.dpredictions), [scale](float x, float y, float weight) {
    return scale * ((1.0f - y) * sigmoid(x) - weight * y * sigmoid(-x));
  });
}

void squared_error_forward(const Context& context, const ElementLossArgs& a) {
  for_each_element(context, a, floats(a.losses),
                   [](float x, float y, float weight) { return weight * (x - y) * (x - y); });
}

void squared_error_backward(const Context& context, const ElementLossGrad& a) {
  const float scale = static_cast<float>(a.scale.value());
  for_each_element(context, a, floats(a.dpredictions), [scale](float x, float y, float weight) {
    return scale * weight * 2.0f * (x - y);
  });
}

}  // namespace dnabird::kernels::cpu
