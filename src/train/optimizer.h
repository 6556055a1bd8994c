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

  /// Update number `step`, from 1 on, of all parameters from their gradients times
  /// `gradient_scale`.
  void update(std::int64_t step, double learning_rate, double gradient_scale);

  core::Tensor& first_moment() { return first_moment_; }    // (size)
  core::Tensor& second_moment() { return second_moment_; }  // (size)

 private:
  /// Parameters side by side that share their decay: one call of the kernel.
  struct Span {
    std::int64_t begin, size;
    double weight_decay;
  };

  model::Parameters& parameters_;
  AdamWOptions options_;
  std::vector<Span> spans_;
  core::Tensor first_moment_, second_moment_;
};

/// sqrt of the sum of squares of all gradients; not finite if one of them is not.
double gradient_norm(const model::Parameters& parameters);

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
