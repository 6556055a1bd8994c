// Products of linear layers by cuBLASLt.
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <memory>
#include <string>

#include "kernels/cuda/linear_products.h"
#include "kernels/memory_pool.h"

namespace dnabird::kernels::cuda {

struct CublasLtLibrary;

/// Keeps what it prepared and chose for each product. Results are the same in every run, and for y
/// and dx a row has the same bytes among any number of rows: one algorithm that does not split sums
/// serves them all. Not thread-safe.
class CublasLt {
 public:
  /// For the current device. Throws std::invalid_argument with a line for the user where cuBLASLt
  /// is missing.
  explicit CublasLt(MemoryPool& pool);
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;
  ~CublasLt();

  /// D = op(A) op(B) + C, plus the bias, then gelu, on the stream. False, and nothing is written,
  /// if the operands are not aligned or the library has no algorithm for them.
  bool multiply(cudaStream_t stream, const LinearProduct& product, const LinearOperands& operands);

  /// What the library has for a product, a line for each algorithm; for who wonders at a refusal.
  std::string describe(const LinearProduct& product);

 private:
  class Plan;

  const Plan& plan_for(const LinearProduct& product);

  std::unique_ptr<const CublasLtLibrary> library_;
  void* handle_ = nullptr;  // cublasLtHandle_t
  PoolBuffer<std::byte> workspace_;
  std::map<LinearProduct, std::unique_ptr<Plan>> plans_;
};

}  // namespace dnabird::kernels::cuda
