#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace dnabird::train {

using core::Tensor;

AdamW::AdamW(model::Parameters& parameters, const AdamWOptions& options)
    : parameters_(parameters), options_(options) {
  for (const model::ParameterInfo& parameter : parameters.list()) {
    const std::int64_t size = core::element_count(parameter.shape);
    const double decay = parameter.decay == model::Decay::yes ? options.weight_decay : 0;
    if (!spans_.empty() && spans_.back().weight_decay == decay) {
      spans_.back().size += size;
    } else {
      spans_.push_back({parameter.begin, size, decay});
    }
  }
  core::KernelSet& kernels = parameters.values().kernels();
  first_moment_ = Tensor::zeros(kernels, {parameters.size()}, kernels.parameter_dtype());
  second_moment_ = Tensor::zeros(kernels, {parameters.size()}, kernels.parameter_dtype());
}

void AdamW::update(std::int64_t step, double learning_rate, double gradient_scale) {
  const Tensor& gradients = parameters_.gradients();
  for (const Span& span : spans_) {
    const core::Shape shape{span.size};
    Tensor value = parameters_.values().view(span.begin, shape);
    Tensor first = first_moment_.view(span.begin, shape);
    Tensor second = second_moment_.view(span.begin, shape);
    gradients.kernels().adamw({span.size, step, learning_rate, options_.beta1, options_.beta2,
                               options_.epsilon, span.weight_decay, gradient_scale,
                               gradients.view(span.begin, shape).data(), value.data(), first.data(),
                               second.data()});
  }
}

double gradient_norm(const model::Parameters& parameters) {
  const Tensor& gradients = parameters.gradients();
  return std::sqrt(gradients.kernels().sum_of_squares(gradients.size(), gradients.data()));
}

WeightAverage::WeightAverage(double decay, const Tensor& values)
    : decay_(decay), values_(values.to_floats()), current_(values_.size()) {
  core::require(decay > 0 && decay < 1 && values.dtype() == core::DType::f32,
                "an average of weights needs a decay between 0 and 1 and f32");
}

void WeightAverage::update(std::int64_t step, const Tensor& values) {
  core::require(values.size() == static_cast<std::int64_t>(values_.size()),
                "an average of other weights");
  values.kernels().copy_out(current_.data(), values.data(), current_.size() * sizeof(float));
  const double n = static_cast<double>(step);
  const float share = static_cast<float>(1 - std::min(decay_, (1 + n) / (10 + n)));
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] += share * (current_[i] - values_[i]);
}

}  // namespace dnabird::train
