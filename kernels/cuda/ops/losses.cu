#include "kernels/cuda/ops/losses.h"

#include "kernels/cuda/ops/block_reduce.cuh"
#include "kernels/cuda/ops/elementwise.cuh"

namespace dnabird::kernels::cuda {

namespace {

constexpr int kThreads = 256, kMostWarps = kThreads / 32;

__device__ __forceinline__ double value_of(const LossScale& scale) {
  return scale.times != nullptr ? scale.factor * *scale.times : scale.factor;
}

/// The row of the logits that a thread works on with kWarps warps, and its first class.
template <int kWarps>
struct LogitRow {
  std::int64_t row;
  std::int64_t first;

  __device__ __forceinline__ LogitRow()
      : row(std::int64_t{blockIdx.x} * (kMostWarps / kWarps) +
            (kWarps == 1 ? threadIdx.x / 32 : 0)),
        first(kWarps == 1 ? threadIdx.x % 32 : threadIdx.x) {}
  static constexpr std::int64_t kStep = kWarps * 32;
};

template <int kWarps>
__global__ void __launch_bounds__(kThreads) cross_entropy_forward_kernel(const CrossEntropyArgs a) {
  const LogitRow<kWarps> at;
  if (at.row >= a.rows) return;
  const float* x = static_cast<const float*>(a.logits) + at.row * a.classes;
  float top = -INFINITY;
#pragma unroll 4
  for (std::int64_t k = at.first; k < a.classes; k += at.kStep) top = fmaxf(top, x[k]);
  top = block_maximum<kWarps>(top);
  float sum = 0;
#pragma unroll 4
  for (std::int64_t k = at.first; k < a.classes; k += at.kStep) sum += expf(x[k] - top);
  sum = block_sum<kWarps>(sum);
  if (at.first != 0) return;
  const float log_sum_exp = top + logf(sum);
  static_cast<float*>(a.log_sum_exp)[at.row] = log_sum_exp;
  const std::int32_t label = a.labels[at.row];
  float loss = 0;
  if (label >= 0) {
    const float weight = a.class_weights ? static_cast<const float*>(a.class_weights)[label] : 1.0f;
    loss = weight * (log_sum_exp - x[label]);
  }
  static_cast<float*>(a.losses)[at.row] = loss;
}

template <int kWarps>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_backward_kernel(const CrossEntropyGrad a) {
  const LogitRow<kWarps> at;
  if (at.row >= a.rows) return;
  const float* x = static_cast<const float*>(a.logits) + at.row * a.classes;
  float* dx = static_cast<float*>(a.dlogits) + at.row * a.classes;
  const std::int32_t label = a.labels[at.row];
  if (label < 0) {
    for (std::int64_t k = at.first; k < a.classes; k += at.kStep) dx[k] = 0;
    return;
  }
  const double weight = a.class_weights ? static_cast<const float*>(a.class_weights)[label] : 1.0;
  const float scale = static_cast<float>(value_of(a.scale) * weight);
  const float log_sum_exp = static_cast<const float*>(a.log_sum_exp)[at.row];
#pragma unroll 4
  for (std::int64_t k = at.first; k < a.classes; k += at.kStep) {
    dx[k] = scale * (expf(x[k] - log_sum_exp) - (k == label ? 1.0f : 0.0f));
  }
}

/// A warp for short rows, a thread block for long ones: by the number of classes only, on which
/// alone the order of a row's sum depends.
template <class Args>
void launch_rows(const Context& context, const Args& a, void (*short_rows)(Args),
                 void (*long_rows)(Args)) {
  constexpr std::int64_t kShort = 1024;
  if (a.classes <= kShort) {
    launch(short_rows, {(a.rows + kMostWarps - 1) / kMostWarps, kThreads, 0}, context.stream, a);
  } else {
    launch(long_rows, {a.rows, kThreads, 0}, context.stream, a);
  }
}

__device__ __forceinline__ float softplus(float x) {
  return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}
__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

struct BinaryCrossEntropy {
  __device__ __forceinline__ float operator()(float x, float y, float weight) const {
    return weight * y * softplus(-x) + (1.0f - y) * softplus(x);
  }
};
struct BinaryCrossEntropySlope {
  LossScale scale;
  __device__ __forceinline__ float operator()(float x, float y, float weight) const {
    return static_cast<float>(value_of(scale)) *
           ((1.0f - y) * sigmoid(x) - weight * y * sigmoid(-x));
  }
};
struct SquaredError {
  __device__ __forceinline__ float operator()(float x, float y, float weight) const {
    return weight * (x - y) * (x - y);
  }
};
struct SquaredErrorSlope {
  LossScale scale;
  __device__ __forceinline__ float operator()(float x, float y, float weight) const {
    return static_cast<float>(value_of(scale)) * weight * 2.0f * (x - y);
  }
};

/// result[r,k] = value(x, y, weight of k), 0 where the target y is NaN.
template <class Value>
struct ElementLossOp {
  const float *predictions, *truth, *weights;
  float* result;
  std::int64_t targets;
  Value value;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
    float x[kWidth], y[kWidth];
    load_elements(predictions + i, x);
    load_elements(truth + i, y);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      const float weight = weights ? weights[(i + j) % targets] : 1.0f;
      x[j] = isnan(y[j]) ? 0.0f : value(x[j], y[j], weight);
    }
    store_elements(result + i, x);
  }
};

/// Args is ElementLossArgs or ElementLossGrad.
template <class Args, class Value>
void set_elements(const Context& context, const Args& a, void* result, const Value& value) {
  for_each_element<4>(context, a.rows * a.targets, are_aligned({a.predictions, a.truth, result}),
                      ElementLossOp<Value>{floats(a.predictions), floats(a.truth),
                                           floats(a.weights), floats(result), a.targets, value});
}

}  // namespace

void cross_entropy_forward(const Context& context, const CrossEntropyArgs& a) {
  launch_rows(context, a, cross_entropy_forward_kernel<1>,
              cross_entropy_forward_kernel<kMostWarps>);
}

void cross_entropy_backward(const Context& context, const CrossEntropyGrad& a) {
  launch_rows(context, a, cross_entropy_backward_kernel<1>,
              cross_entropy_backward_kernel<kMostWarps>);
}

void binary_cross_entropy_forward(const Context& context, const ElementLossArgs& a) {
  set_elements(context, a, a.losses, BinaryCrossEntropy{});
}

void binary_cross_entropy_backward(const Context& context, const ElementLossGrad& a) {
  set_elements(context, a, a.dpredictions, BinaryCrossEntropySlope{a.scale});
}

void squared_error_forward(const Context& context, const ElementLossArgs& a) {
  set_elements(context, a, a.losses, SquaredError{});
}

void squared_error_backward(const Context& context, const ElementLossGrad& a) {
  set_elements(context, a, a.dpredictions, SquaredErrorSlope{a.scale});
}

}  // namespace dnabird::kernels::cuda
