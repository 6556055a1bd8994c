// Matrix products of oneDNN, each on the thread that runs it: who calls cuts the work into tasks,
// so that neither a row's bytes nor those of a sum depend on the number of threads.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

namespace dnabird::kernels::cpu {

/// c (m,n) = a (m,k) b (k,n), to which the bias (n) or c itself may be added. c has whole rows.
struct ProductShape {
  std::int64_t m, k, n;
  std::int64_t a_row, a_column;  // floats between neighbours of a column, and of a row
  std::int64_t b_row, b_column;
  bool has_bias = false;
  bool adds_to_c = false;

  auto operator<=>(const ProductShape&) const = default;
};

struct ProductArrays {
  const float* a;
  const float* b;
  float* c;
  const float* bias = nullptr;  // (n) if the shape has one
  float* scratch = nullptr;     // of scratch_floats(), 64-byte aligned
};

/// A product that is ready to run. Several threads may run it at the same time.
class OneDnnProduct {
 public:
  explicit OneDnnProduct(const ProductShape& shape);
  ~OneDnnProduct();
  void run(const ProductArrays& arrays) const;
  std::size_t scratch_floats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Products by shape, made when they are first asked for. Not thread-safe.
class OneDnnProducts {
 public:
  std::shared_ptr<const OneDnnProduct> of(const ProductShape& shape);

 private:
  std::map<ProductShape, std::shared_ptr<const OneDnnProduct>> products_;
};

/// While it lives, oneDNN uses the calling thread only.
class OnCallersThread {
 public:
  OnCallersThread();
  OnCallersThread(const OnCallersThread&) = delete;
  OnCallersThread& operator=(const OnCallersThread&) = delete;
  ~OnCallersThread();

 private:
  int threads_;
};

}  // namespace dnabird::kernels::cpu
