// Matrix products of oneDNN, each on the thread that runs it: who calls cuts the work into tasks,
// so that neither a row's bytes nor those of a sum depend on the number of threads.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "kernels/kernel_set.h"

namespace dnabird::kernels::cpu {

/// A weight as the right side (k,n) of products: where its floats lie, and the type that the
/// products multiply (f32 or bf16).
struct WeightShape {
  std::int64_t k, n;
  std::int64_t row, column;  // floats between neighbours of a column, and of a row
  DType dtype = DType::f32;

  // NOLINTNEXTLINE(modernize-use-nullptr): the check takes the comparison for a 0
  auto operator<=>(const WeightShape&) const = default;
};

/// Brings a weight into the layout that oneDNN's products like best: one for every number of rows.
class OneDnnPacking {
 public:
  explicit OneDnnPacking(const WeightShape& shape);
  ~OneDnnPacking();
  /// Of a packed weight, in whole cache lines.
  std::size_t bytes() const;
  /// On as many threads as OpenMP uses.
  void run(const float* weight, void* packed) const;

 private:
  friend class OneDnnProduct;
  struct State;
  std::unique_ptr<State> state_;
};

/// c (m,n) = a (m,k) b (k,n), to which the bias (n) or c itself may be added. c has whole rows.
struct ProductShape {
  std::int64_t m, k, n;
  std::int64_t a_row, a_column;          // elements between neighbours of a column, and of a row
  std::int64_t b_row = 0, b_column = 0;  // both 0: b is packed
  bool has_bias = false;
  bool adds_to_c = false;
  DType operands = DType::f32;  // of a and b, f32 or bf16
  DType result = DType::f32;    // of c

  // NOLINTNEXTLINE(modernize-use-nullptr): the check takes the comparison for a 0
  auto operator<=>(const ProductShape&) const = default;
};

struct ProductArrays {
  const void* a;
  const void* b;
  void* c;
  const float* bias = nullptr;  // (n) if the shape has one
  void* scratch = nullptr;      // of scratch_bytes(), 64-byte aligned
};

/// A product that is ready to run. Several threads may run it at the same time.
class OneDnnProduct {
 public:
  /// `packing` is that of b, null if b is not packed.
  OneDnnProduct(const ProductShape& shape, const OneDnnPacking* packing);
  ~OneDnnProduct();
  void run(const ProductArrays& arrays) const;
  std::size_t scratch_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Products and packings by shape, made when they are first asked for. Not thread-safe.
class OneDnnProducts {
 public:
  /// Of a product whose b is not packed.
  std::shared_ptr<const OneDnnProduct> of(const ProductShape& shape);
  /// Of a product with the packed weight.
  std::shared_ptr<const OneDnnProduct> of(const ProductShape& shape, const WeightShape& weight);
  std::shared_ptr<const OneDnnPacking> packing(const WeightShape& weight);

 private:
  std::shared_ptr<const OneDnnProduct> find_or_make(const ProductShape& shape,
                                                    const OneDnnPacking* packing);

  std::map<ProductShape, std::shared_ptr<const OneDnnProduct>> products_;
  std::map<WeightShape, std::shared_ptr<const OneDnnPacking>> packings_;
};

/// While it lives, oneDNN uses as many threads as given.
class OneDnnThreads {
 public:
  explicit OneDnnThreads(int threads);
  OneDnnThreads(const OneDnnThreads&) = delete;
  OneDnnThreads& operator=(const OneDnnThreads&) = delete;
  ~OneDnnThreads();

 private:
  int before_;
};

}  // namespace dnabird::kernels::cpu
