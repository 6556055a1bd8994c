#include <algorithm>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ops/elements.cuh"
#include "kernels/cuda/ops/linear_small.h"
#include "kernels/cuda/plain_product.h"
#include "kernels/typed.h"

namespace dnabird::kernels::cuda {

namespace {

template <class T>
struct StoreWithBias {
  T* y;
  std::int64_t columns;
  const float* bias;  // or null
  __device__ void operator()(std::int64_t, std::int64_t row, std::int64_t column, float sum) const {
    store(y[row * columns + column], bias != nullptr ? sum + bias[column] : sum);
  }
};

template <class T>
struct StoreWithStart {
  T* y;
  std::int64_t columns;
  const T* start;  // or null
  __device__ void operator()(std::int64_t, std::int64_t row, std::int64_t column, float sum) const {
    const std::int64_t i = row * columns + column;
    store(y[i], start != nullptr ? load(start[i]) + sum : sum);
  }
};

struct StoreOfGroup {
  float* sums;  // (groups,rows,columns)
  std::int64_t rows, columns;
  __device__ void operator()(std::int64_t group, std::int64_t row, std::int64_t column,
                             float sum) const {
    sums[(group * rows + row) * columns + column] = sum;
  }
};

template <class T, class Take>
__global__ void __launch_bounds__(PlainProduct<T>::kThreads)
    product_kernel(PlainMatrices<T> matrices, Take take) {
  __shared__ typename PlainProduct<T>::Shared shared;
  PlainProduct<T> product(matrices, blockIdx.x, static_cast<int>(threadIdx.x));
  const std::int64_t chunks = product.chunks();
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    product.load(chunk, shared);
    __syncthreads();
    product.add(shared);
    __syncthreads();
  }
  product.finish(take);
}

template <class T, class Take>
void multiply(const Context& context, const PlainMatrices<T>& matrices, const Take& take) {
  launch(product_kernel<T, Take>, {PlainProduct<T>::blocks(matrices), PlainProduct<T>::kThreads, 0},
         context.stream, matrices, take);
}

constexpr int kAddThreads = 256;

/// to (n) += sums (groups,n), the groups in order
__global__ void add_groups(std::int64_t n, std::int64_t groups, const float* sums, float* to) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kAddThreads + threadIdx.x;
  if (i >= n) return;
  float sum = to[i];
  for (std::int64_t g = 0; g < groups; ++g) sum += sums[g * n + i];
  to[i] = sum;
}

}  // namespace

template <class T>
void small_linear_forward(const Context& context, const LinearArgs& a, const T* w, T* y) {
  const PlainMatrices<T> matrices{a.rows, a.out, a.in, as<T>(a.x), a.in, 1, w, 1, a.in, a.in, 1};
  multiply(context, matrices, StoreWithBias<T>{y, a.out, floats(a.bias)});
}

template <class T>
void small_linear_dx(const Context& context, const LinearGrad& a, const T* w) {
  const PlainMatrices<T> matrices{a.rows, a.in, a.out, as<T>(a.dy), a.out, 1, w, a.in, 1, a.out, 1};
  multiply(context, matrices, StoreWithStart<T>{as<T>(a.dx), a.in, as<T>(a.dx_start)});
}

template <class T>
void small_linear_dw(const Context& context, const LinearGrad& a) {
  const std::int64_t n = a.out * a.in;
  const PlainGroups groups = plain_groups(a.rows, n);
  const PoolArray sums(context.pool, static_cast<std::size_t>(groups.count * n));
  const PlainMatrices<T> matrices{a.out,      a.in, a.rows, as<T>(a.dy), 1,           a.out,
                                  as<T>(a.x), a.in, 1,      groups.rows, groups.count};
  multiply(context, matrices, StoreOfGroup{sums.data(), a.out, a.in});
  launch(add_groups, {(n + kAddThreads - 1) / kAddThreads, kAddThreads, 0}, context.stream, n,
         groups.count, static_cast<const float*>(sums.data()), floats(a.dw));
}

template void small_linear_forward<float>(const Context&, const LinearArgs&, const float*, float*);
template void small_linear_forward<Bf16>(const Context&, const LinearArgs&, const Bf16*, Bf16*);
template void small_linear_dx<float>(const Context&, const LinearGrad&, const float*);
template void small_linear_dx<Bf16>(const Context&, const LinearGrad&, const Bf16*);
template void small_linear_dw<float>(const Context&, const LinearGrad&);
template void small_linear_dw<Bf16>(const Context&, const LinearGrad&);

}  // namespace dnabird::kernels::cuda
