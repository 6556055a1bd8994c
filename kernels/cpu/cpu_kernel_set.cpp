#include "kernels/cpu/cpu_kernel_set.h"

#include <omp.h>

#include <cstring>
#include <stdexcept>

#include "kernels/cpu/block_attention.h"
#include "kernels/cpu/dropout.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cpu/layer_norm.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/losses.h"
#include "kernels/cpu/onednn_product.h"
#include "kernels/cpu/optimizer.h"
#include "kernels/cpu/rows.h"

namespace dnabird::kernels::cpu {

namespace {

class CpuKernelSet : public KernelSet {
 public:
  explicit CpuKernelSet(int threads) : context_{pick_tier(), threads, pool_, nullptr} {
    if (context_.tier.uses_onednn) context_.onednn = &onednn_;
  }

  std::string name() const override { return "cpu"; }
  DType dtype() const override { return DType::f32; }
  std::string description() const override {
    return std::string(context_.tier.name) + (context_.onednn ? " with oneDNN, " : ", ") +
           std::to_string(context_.threads) + (context_.threads == 1 ? " thread" : " threads");
  }

  void* allocate(std::size_t bytes) override { return pool_.allocate(bytes); }
  void release(void* memory, std::size_t) override { pool_.release(memory); }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    copy(device, host, bytes);
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    copy(host, device, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void zero(void* memory, std::size_t bytes) override {
    if (bytes > 0) std::memset(memory, 0, bytes);
  }
  void synchronize() override {}

  void embedding_forward(const EmbeddingArgs& a) override { cpu::embedding_forward(context_, a); }
  void embedding_backward(const EmbeddingGrad& a) override { cpu::embedding_backward(context_, a); }
  void layer_norm_forward(const LayerNormArgs& a) override { cpu::layer_norm_forward(context_, a); }
  void layer_norm_backward(const LayerNormGrad& a) override {
    cpu::layer_norm_backward(context_, a);
  }
  void linear_forward(const LinearArgs& a) override { cpu::linear_forward(context_, a); }
  void linear_backward(const LinearGrad& a) override { cpu::linear_backward(context_, a); }
  void gelu_forward(Gelu kind, std::int64_t n, const void* x, void* y) override {
    cpu::gelu_forward(context_, kind, n, x, y);
  }
  void gelu_backward(Gelu kind, std::int64_t n, const void* x, const void* dy, void* dx) override {
    cpu::gelu_backward(context_, kind, {n, x, dy, dx});
  }
  void dropout_forward(const DropoutArgs& a) override { dropout(context_, a); }
  void dropout_backward(const DropoutArgs& a) override { dropout(context_, a); }
  void add(std::int64_t n, const void* a, const void* b, void* y) override {
    cpu::add(context_, n, a, b, y);
  }
  void block_attention_forward(const BlockAttentionArgs& a) override {
    cpu::block_attention_forward(context_, a);
  }
  void block_attention_backward(const BlockAttentionGrad& a) override {
    cpu::block_attention_backward(context_, a);
  }
  void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                   const void* x, void* y) override {
    cpu::gather_rows(context_, {rows, channels, index}, x, y);
  }
  void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                        const void* dy, void* dx) override {
    cpu::scatter_add_rows(context_, {rows, channels, index}, dy, dx);
  }
  void mean_rows(std::int64_t batch, std::int64_t tokens, std::int64_t channels,
                 const std::int32_t* begin, const std::int32_t* end, const void* x,
                 void* y) override {
    cpu::mean_rows(context_, {batch, tokens, channels, begin, end, x, y});
  }

  void cross_entropy_forward(const CrossEntropyArgs& a) override {
    cpu::cross_entropy_forward(context_, a);
  }
  void cross_entropy_backward(const CrossEntropyGrad& a) override {
    cpu::cross_entropy_backward(context_, a);
  }
  void binary_cross_entropy_forward(const ElementLossArgs& a) override {
    cpu::binary_cross_entropy_forward(context_, a);
  }
  void binary_cross_entropy_backward(const ElementLossGrad& a) override {
    cpu::binary_cross_entropy_backward(context_, a);
  }
  void squared_error_forward(const ElementLossArgs& a) override {
    cpu::squared_error_forward(context_, a);
  }
  void squared_error_backward(const ElementLossGrad& a) override {
    cpu::squared_error_backward(context_, a);
  }

  void adamw(const AdamWArgs& a) override { cpu::adamw(context_, a); }
  double sum(std::int64_t n, const void* x) override { return cpu::sum(context_, n, x); }
  double sum_of_squares(std::int64_t n, const void* x) override {
    return cpu::sum_of_squares(context_, n, x);
  }

 private:
  MemoryPool pool_;
  OneDnnProducts onednn_;
  Context context_;
};

}  // namespace

std::unique_ptr<KernelSet> make_cpu_kernel_set(DType dtype, int threads) {
  if (dtype != DType::f32) throw std::invalid_argument("the CPU kernels compute in f32");
  if (threads < 0) throw std::invalid_argument("the number of threads is 0 (all cores) or more");
  return std::make_unique<CpuKernelSet>(threads > 0 ? threads : omp_get_num_procs());
}

}  // namespace dnabird::kernels::cpu
