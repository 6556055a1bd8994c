#include "kernels/bench/limits.h"

#include <vector>

namespace dnabird::kernels::bench {

namespace {

constexpr std::int64_t kFloats = std::int64_t{1} << 24;  // 64 MB an array

}  // namespace

double matrix_product_rate(KernelSet& kernels, Clock clock) {
  const Operation product = matrix_product(kernels);
  return product.flops / seconds(product, kernels, clock);
}

MemoryRates memory_rates(int threads, Clock clock) {
  std::vector<float> a(kFloats, 1), b(kFloats, 2), y(kFloats);
  const auto copy = [&] {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (std::int64_t i = 0; i < kFloats; ++i) y[i] = a[i];
  };
  const auto triad = [&] {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (std::int64_t i = 0; i < kFloats; ++i) y[i] = a[i] + 3 * b[i];
  };
  const double bytes = kFloats * sizeof(float);
  return {2 * bytes / fastest(copy, clock, {5, 0.2}), 3 * bytes / fastest(triad, clock, {5, 0.2})};
}

MemoryRates memory_rates(KernelSet& kernels) {
  const std::size_t bytes = std::size_t{1} << 29U;
  void* from = kernels.allocate(bytes);
  void* to = kernels.allocate(bytes);
  kernels.zero(from, bytes);
  const double copy = median_of_groups([&] { kernels.copy(to, from, bytes); },
                                       [&] { kernels.synchronize(); }, {5, 0.1});
  kernels.release(from, bytes);
  kernels.release(to, bytes);
  const Operation addition = large_addition();
  return {2.0 * static_cast<double>(bytes) / copy,
          bytes_of(addition.traffic, kernels) / seconds(addition, kernels, Clock::wall)};
}

}  // namespace dnabird::kernels::bench
