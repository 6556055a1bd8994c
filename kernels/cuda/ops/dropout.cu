#include "kernels/cuda/ops/dropout.h"

#include "kernels/cuda/ops/dropout.cuh"
#include "kernels/cuda/ops/elementwise.cuh"

namespace dnabird::kernels::cuda {

namespace {

template <class T>
struct DropoutOp {
  const T* x;
  T* y;
  DeviceDraws draws;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
    float value[kWidth];
    load_elements(x + i, value);
    ElementDropout(draws).drop(i, value);
    store_elements(y + i, value);
  }
};

}  // namespace

template <class T>
void dropout(const Context& context, const DropoutArgs& a) {
  for_each_element<kPackSize<T>>(
      context, a.n, are_aligned({a.x, a.y}),
      DropoutOp<T>{static_cast<const T*>(a.x), static_cast<T*>(a.y), device_draws(a.draws)});
}

template void dropout<float>(const Context&, const DropoutArgs&);
template void dropout<Bf16>(const Context&, const DropoutArgs&);

}  // namespace dnabird::kernels::cuda
