#include "ops/losses.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

void check_labels(const char* op, const Tensor& logits, const Tensor& labels,
                  const Tensor& class_weights) {
  check_floats(op, {{"logits", &logits}, {"class_weights", &class_weights}});
  check_ints(op, {{"labels", &labels}});
  check_shapes(!logits.is_empty() && row_count(logits) == labels.size(), op,
               "logits (R,K) need labels (R)", {{"logits", &logits}, {"labels", &labels}});
  check_shapes(class_weights.is_empty() || class_weights.size() == logits.dim(-1), op,
               "logits (R,K) need class_weights (K)",
               {{"logits", &logits}, {"class_weights", &class_weights}});
}

void check_truth(const char* op, const Tensor& predictions, const Tensor& truth,
                 const Tensor& weights) {
  check_floats(op, {{"predictions", &predictions}, {"truth", &truth}, {"weights", &weights}});
  check_shapes(!predictions.is_empty() && predictions.shape() == truth.shape(), op,
               "predictions (R,K) need truth (R,K)",
               {{"predictions", &predictions}, {"truth", &truth}});
  check_shapes(weights.is_empty() || weights.size() == predictions.dim(-1), op,
               "predictions (R,K) need weights (K)",
               {{"predictions", &predictions}, {"weights", &weights}});
}

kernels::ElementLossArgs forward_args(const Tensor& predictions, const Tensor& truth,
                                      const Tensor& weights, Tensor& losses) {
  return {row_count(predictions), predictions.dim(-1),   predictions.data(),
          truth.data(),           data_or_null(weights), losses.data()};
}

kernels::ElementLossGrad backward_args(const Tensor& predictions, const Tensor& truth,
                                       const Tensor& weights, const kernels::LossScale& scale,
                                       Tensor& gradient) {
  return {row_count(predictions), predictions.dim(-1),   scale,          predictions.data(),
          truth.data(),           data_or_null(weights), gradient.data()};
}

}  // namespace

Tensor cross_entropy_forward(const Tensor& logits, const Tensor& labels,
                             const Tensor& class_weights, Tensor* log_sum_exp) {
  check_labels("cross_entropy", logits, labels, class_weights);
  Tensor losses = Tensor::empty(logits.kernels(), {labels.size()}, logits.dtype());
  Tensor lse = Tensor::empty(logits.kernels(), {labels.size()}, logits.dtype());
  kernels_for(logits).cross_entropy_forward({labels.size(), logits.dim(-1), logits.data(),
                                             labels.ints(), data_or_null(class_weights),
                                             losses.data(), lse.data()});
  if (log_sum_exp != nullptr) *log_sum_exp = lse;
  return losses;
}

Tensor cross_entropy_backward(const Tensor& logits, const Tensor& labels,
                              const Tensor& class_weights, const Tensor& log_sum_exp,
                              const kernels::LossScale& scale) {
  check_labels("cross_entropy backward", logits, labels, class_weights);
  check_shapes(log_sum_exp.size() == labels.size(), "cross_entropy backward",
               "logits (R,K) need log_sum_exp (R)",
               {{"logits", &logits}, {"log_sum_exp", &log_sum_exp}});
  Tensor dlogits = Tensor::empty(logits.kernels(), logits.shape(), logits.dtype());
  kernels_for(logits).cross_entropy_backward({labels.size(), logits.dim(-1), scale, logits.data(),
                                              labels.ints(), data_or_null(class_weights),
                                              log_sum_exp.data(), dlogits.data()});
  return dlogits;
}

Tensor binary_cross_entropy_forward(const Tensor& logits, const Tensor& truth,
                                    const Tensor& positive_weights) {
  check_truth("binary_cross_entropy", logits, truth, positive_weights);
  Tensor losses = Tensor::empty(logits.kernels(), logits.shape(), logits.dtype());
  kernels_for(logits).binary_cross_entropy_forward(
      forward_args(logits, truth, positive_weights, losses));
  return losses;
}

Tensor binary_cross_entropy_backward(const Tensor& logits, const Tensor& truth,
                                     const Tensor& positive_weights,
                                     const kernels::LossScale& scale) {
  check_truth("binary_cross_entropy backward", logits, truth, positive_weights);
  Tensor dlogits = Tensor::empty(logits.kernels(), logits.shape(), logits.dtype());
  kernels_for(logits).binary_cross_entropy_backward(
      backward_args(logits, truth, positive_weights, scale, dlogits));
  return dlogits;
}

Tensor squared_error_forward(const Tensor& predictions, const Tensor& truth,
                             const Tensor& target_weights) {
  check_truth("squared_error", predictions, truth, target_weights);
  Tensor losses = Tensor::empty(predictions.kernels(), predictions.shape(), predictions.dtype());
  kernels_for(predictions)
      .squared_error_forward(forward_args(predictions, truth, target_weights, losses));
  return losses;
}

Tensor squared_error_backward(const Tensor& predictions, const Tensor& truth,
                              const Tensor& target_weights, const kernels::LossScale& scale) {
  check_truth("squared_error backward", predictions, truth, target_weights);
  Tensor dpredictions =
      Tensor::empty(predictions.kernels(), predictions.shape(), predictions.dtype());
  kernels_for(predictions)
      .squared_error_backward(
          backward_args(predictions, truth, target_weights, scale, dpredictions));
  return dpredictions;
}

}  // namespace dnabird::ops
