#include "kernels/reference/reference_kernel_set.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <type_traits>

#include "kernels/reference/block_attention.h"
#include "kernels/reference/dropout.h"
#include "kernels/reference/embedding.h"
#include "kernels/reference/gelu.h"
#include "kernels/reference/layer_norm.h"
#include "kernels/reference/linear.h"
#include "kernels/reference/losses.h"
#include "kernels/reference/optimizer.h"
#include "kernels/reference/rows.h"

namespace dnabird::kernels::reference {

namespace {

template <class T>
class ReferenceKernelSet final : public KernelSet {
 public:
  std::string name() const override { return "reference"; }
  DType dtype() const override { return std::is_same_v<T, double> ? DType::f64 : DType::f32; }
  std::string description() const override {
    return std::is_same_v<T, double> ? "plain loops, f64" : "plain loops, f32";
  }

  void* allocate(std::size_t bytes) override {
    // aligned_alloc wants a multiple of the alignment, and may answer null for 0 bytes.
    void* memory = std::aligned_alloc(64, (bytes / 64 + 1) * 64);
    if (!memory) throw std::bad_alloc();
    ++system_allocations_;
    return memory;
  }
  std::int64_t system_allocations() const override { return system_allocations_; }
  void release(void* memory, std::size_t) override { std::free(memory); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }
  void zero(void* memory, std::size_t bytes) override {
    if (bytes > 0) std::memset(memory, 0, bytes);
  }
  void synchronize() override {}

  void embedding_forward(const EmbeddingArgs& a) override { reference::embedding_forward<T>(a); }
  void embedding_backward(const EmbeddingGrad& a) override { reference::embedding_backward<T>(a); }
  void layer_norm_forward(const LayerNormArgs& a) override { reference::layer_norm_forward<T>(a); }
  void layer_norm_backward(const LayerNormGrad& a) override {
    reference::layer_norm_backward<T>(a);
  }
  void linear_forward(const LinearArgs& a) override { reference::linear_forward<T>(a); }
  void linear_backward(const LinearGrad& a) override { reference::linear_backward<T>(a); }
  void gelu_forward(Gelu kind, std::int64_t n, const void* x, void* y) override {
    reference::gelu_forward<T>(kind, n, x, y);
  }
  void gelu_backward(Gelu kind, std::int64_t n, const void* x, const void* dy, void* dx) override {
    reference::gelu_backward<T>(kind, n, x, dy, dx);
  }
  void dropout_forward(const DropoutArgs& a) override { dropout<T>(a); }
  void dropout_backward(const DropoutArgs& a) override { dropout<T>(a); }
  void add(std::int64_t n, const void* a, const void* b, void* y) override {
    reference::add<T>(n, a, b, y);
  }
  void block_attention_forward(const BlockAttentionArgs& a) override {
    reference::block_attention_forward<T>(a);
  }
  void block_attention_backward(const BlockAttentionGrad& a) override {
    reference::block_attention_backward<T>(a);
  }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const std::int32_t* index, const void* x,
                 void* y) override {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::memcpy(static_cast<char*>(y) + r * bytes, static_cast<const char*>(x) + index[r] * bytes,
                  static_cast<std::size_t>(bytes));
    }
  }
  void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                   const void* x, void* y) override {
    reference::gather_rows<T>(rows, channels, index, x, y);
  }
  void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                        const void* dy, void* dx) override {
    reference::scatter_add_rows<T>(rows, channels, index, dy, dx);
  }
  void mean_rows(std::int64_t batch, std::int64_t tokens, std::int64_t channels,
                 const std::int32_t* begin, const std::int32_t* end, const void* x,
                 void* y) override {
    reference::mean_rows<T>({batch, tokens, channels, begin, end, x, y});
  }
  void cross_entropy_forward(const CrossEntropyArgs& a) override {
    reference::cross_entropy_forward<T>(a);
  }
  void cross_entropy_backward(const CrossEntropyGrad& a) override {
    reference::cross_entropy_backward<T>(a);
  }
  void binary_cross_entropy_forward(const ElementLossArgs& a) override {
    reference::binary_cross_entropy_forward<T>(a);
  }
  void binary_cross_entropy_backward(const ElementLossGrad& a) override {
    reference::binary_cross_entropy_backward<T>(a);
  }
  void squared_error_forward(const ElementLossArgs& a) override {
    reference::squared_error_forward<T>(a);
  }
  void squared_error_backward(const ElementLossGrad& a) override {
    reference::squared_error_backward<T>(a);
  }
  void adamw(const AdamWArgs& a) override { reference::adamw<T>(a); }
  void sum(std::int64_t n, const void* x, double* total) override {
    reference::sum<T>(n, x, total);
  }
  void sum_of_squares(std::int64_t n, const void* x, double* total) override {
    reference::sum_of_squares<T>(n, x, total);
  }

 private:
  std::int64_t system_allocations_ = 0;
};

}  // namespace

std::unique_ptr<KernelSet> make_reference_kernel_set(DType dtype) {
  if (dtype == DType::f32) return std::make_unique<ReferenceKernelSet<float>>();
  if (dtype == DType::f64) return std::make_unique<ReferenceKernelSet<double>>();
  throw std::invalid_argument("the reference computes in f32 or f64");
}

}  // namespace dnabird::kernels::reference
