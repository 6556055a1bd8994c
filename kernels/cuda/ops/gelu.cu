#include "kernels/cuda/ops/gelu.cuh"

#include "kernels/cuda/ops/elementwise.cuh"
#include "kernels/cuda/ops/gelu.h"

namespace dnabird::kernels::cuda {

namespace {

template <class T, Gelu kKind>
struct GeluForwardOp {
  const T* x;
  T* y;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
    float value[kWidth];
    load_elements(x + i, value);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) value[j] = gelu<kKind>(value[j]);
    store_elements(y + i, value);
  }
};

template <class T, Gelu kKind>
struct GeluBackwardOp {
  const T *x, *dy;
  T* dx;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
    float value[kWidth], gradient[kWidth];
    load_elements(x + i, value);
    load_elements(dy + i, gradient);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) gradient[j] *= gelu_slope<kKind>(value[j]);
    store_elements(dx + i, gradient);
  }
};

template <class T, Gelu kKind>
void forward(const Context& context, std::int64_t n, const void* x, void* y) {
  for_each_element<kPackSize<T>>(
      context, n, are_aligned({x, y}),
      GeluForwardOp<T, kKind>{static_cast<const T*>(x), static_cast<T*>(y)});
}

template <class T, Gelu kKind>
void backward(const Context& context, const GeluGrad& a) {
  for_each_element<kPackSize<T>>(
      context, a.n, are_aligned({a.x, a.dy, a.dx}),
      GeluBackwardOp<T, kKind>{static_cast<const T*>(a.x), static_cast<const T*>(a.dy),
                               static_cast<T*>(a.dx)});
}

}  // namespace

template <class T>
void gelu_forward(const Context& context, Gelu kind, std::int64_t n, const void* x, void* y) {
  if (kind == Gelu::tanh) {
    forward<T, Gelu::tanh>(context, n, x, y);
  } else {
    forward<T, Gelu::erf>(context, n, x, y);
  }
}

template <class T>
void gelu_backward(const Context& context, Gelu kind, const GeluGrad& a) {
  if (kind == Gelu::tanh) {
    backward<T, Gelu::tanh>(context, a);
  } else {
    backward<T, Gelu::erf>(context, a);
  }
}

template void gelu_forward<float>(const Context&, Gelu, std::int64_t, const void*, void*);
template void gelu_forward<Bf16>(const Context&, Gelu, std::int64_t, const void*, void*);
template void gelu_backward<float>(const Context&, Gelu, const GeluGrad&);
template void gelu_backward<Bf16>(const Context&, Gelu, const GeluGrad&);

}  // namespace dnabird::kernels::cuda
