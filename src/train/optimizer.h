// AdamW over the flat arrays of a model, and a moving average of its weights.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "model/parameters.h"

namespace dnabird::train {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;  // of parameters with Decay::yes
};

/// Loshchilov & Hutter 2019; the moments start at zero.
class AdamW {
 public:
  /// The parameters must outlive it.
  AdamW(model::Parameters& parameters, const AdamWOptions& options);

  /// Update number `step`, from 1 on, of all parameters from their gradients, scaled down to the
  /// norm `clip` if theirs is larger (0: never). `squares` (1) f64: ops::sum_of_squares of the
  /// gradients; nothing is updated if it is not finite. Does not wait for the device.
  void update(std::int64_t step, double learning_rate, double clip, const core::Tensor& squares);

  core::Tensor& first_moment() { return first_moment_; }    // (size)
  core::Tensor& second_moment() { return second_moment_; }  // (size)

 private:
  model::Parameters& parameters_;
  AdamWOptions options_;
  core::Tensor span_ends_;  // i32: parameters that decay end, then those that do not, in turns
  core::Tensor first_moment_, second_moment_;
};

/// Exponential moving average of the weights (Polyak & Juditsky 1992). Its decay rises with the
/// steps, min(decay, (1+step) / (10+step)), so that early weights are forgotten soon.
class WeightAverage {
 public:
  /// Begins with `values` (n) f32; decay in (0, 1).
  WeightAverage(double decay, const core::Tensor& values);

  /// Behind update number `step`, from 1 on.
  void update(std::int64_t step, const core::Tensor& values);

  const std::vector<float>& values() const { return values_; }  // (n)
  void restore(std::vector<float> values) { values_ = std::move(values); }

 private:
  double decay_;
  std::vector<float> values_, current_;
};

}  // namespace dnabird::train
