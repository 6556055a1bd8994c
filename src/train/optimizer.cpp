#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace dnabird::train {

using core::Tensor;

AdamW::AdamW(model::Parameters& parameters, const AdamWOptions& options)
    : parameters_(parameters), options_(options) {
  core::require(parameters.size() <= INT32_MAX, "an optimizer of more than 2^31 parameters");
  std::vector<std::int32_t> ends;
  model::Decay turn = model::Decay::yes;
  for (const model::ParameterInfo& parameter : parameters.list()) {
    if (parameter.decay == turn) continue;
    ends.push_back(static_cast<std::int32_t>(parameter.begin));
    turn = parameter.decay;
  }
  core::KernelSet& kernels = parameters.values().kernels();
  span_ends_ = Tensor::from_host(kernels, {static_cast<std::int64_t>(ends.size())},
                                 std::span<const std::int32_t>(ends));
  first_moment_ = Tensor::zeros(kernels, {parameters.size()}, kernels.parameter_dtype());
  second_moment_ = Tensor::zeros(kernels, {parameters.size()}, kernels.parameter_dtype());
}

void AdamW::update(std::int64_t step, double learning_rate, double clip, const Tensor& squares) {
  core::require(squares.size() == 1 && squares.dtype() == core::DType::f64,
                "AdamW: the sum of squares is one f64");
  Tensor& values = parameters_.values();
  values.kernels().adamw({parameters_.size(), step, learning_rate, options_.beta1, options_.beta2,
                          options_.epsilon, options_.weight_decay, clip,
                          static_cast<const double*>(squares.data()),
                          parameters_.gradients().data(), values.data(), first_moment_.data(),
                          second_moment_.data(), span_ends_.ints(), span_ends_.size()});
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
