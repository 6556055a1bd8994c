#include "kernels/cpu/cpu_kernel_set.h"

#include <omp.h>

#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "kernels/cpu/block_attention.h"
#include "kernels/cpu/dropout.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cpu/layer_norm.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/losses.h"
#include "kernels/cpu/onednn_product.h"
#include "kernels/cpu/optimizer.h"
#include "kernels/cpu/packed_weights.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/system_memory.h"

namespace dnabird::kernels::cpu {

namespace {

/// What the kernels of all types share.
struct Device {
  explicit Device(int threads)
      : pool(system_memory()),
        weights(pool),
        context{pick_tier(), threads, pool, nullptr, &weights} {
    if (context.tier.uses_onednn) context.onednn = &onednn;
  }
  MemoryPool pool;
  OneDnnProducts onednn;
  PackedWeights weights;
  Context context;
};

/// The kernels for activations of T = float or Bf16.
template <class T>
class CpuKernelSet final : public KernelSet {
 public:
  explicit CpuKernelSet(std::shared_ptr<Device> device)
      : device_(std::move(device)), context_(device_->context) {
    if constexpr (!kIsFloat) floats_ = std::make_unique<CpuKernelSet<float>>(device_);
  }

  std::string name() const override { return "cpu"; }
  DType dtype() const override { return kIsFloat ? DType::f32 : DType::bf16; }
  DType parameter_dtype() const override { return DType::f32; }
  KernelSet& in(DType dtype) override {
    if constexpr (!kIsFloat) {
      if (dtype == DType::f32) return *floats_;
    }
    return KernelSet::in(dtype);
  }
  std::string description() const override {
    return std::string(context_.tier.name) + (context_.onednn ? " with oneDNN, " : ", ") +
           (kIsFloat ? "f32, " : "bf16, ") + std::to_string(context_.threads) +
           (context_.threads == 1 ? " thread" : " threads");
  }

  void* allocate(std::size_t bytes) override { return device_->pool.allocate(bytes); }
  void* allocate_parameters(std::size_t bytes) override {
    void* memory = allocate(bytes);
    device_->weights.add_parameters(memory, bytes);
    return memory;
  }
  void release(void* memory, std::size_t) override {
    device_->weights.remove_parameters(memory);
    device_->pool.release(memory);
  }
  std::int64_t system_allocations() const override { return device_->pool.system_allocations(); }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    copy(device, host, bytes);
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(host, device, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    device_->weights.changed(to, bytes);
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void zero(void* memory, std::size_t bytes) override {
    device_->weights.changed(memory, bytes);
    if (bytes > 0) std::memset(memory, 0, bytes);
  }
  void synchronize() override {}

  void embedding_forward(const EmbeddingArgs& a) override {
    cpu::embedding_forward<T>(context_, a);
  }
  void embedding_backward(const EmbeddingGrad& a) override {
    cpu::embedding_backward<T>(context_, a);
  }
  void layer_norm_forward(const LayerNormArgs& a) override {
    cpu::layer_norm_forward<T>(context_, a);
  }
  void layer_norm_backward(const LayerNormGrad& a) override {
    cpu::layer_norm_backward<T>(context_, a);
  }
  void linear_forward(const LinearArgs& a) override { cpu::linear_forward<T>(context_, a); }
  void linear_backward(const LinearGrad& a) override { cpu::linear_backward<T>(context_, a); }
  void gelu_forward(Gelu kind, std::int64_t n, const void* x, void* y) override {
    cpu::gelu_forward<T>(context_, kind, n, x, y);
  }
  void gelu_backward(Gelu kind, std::int64_t n, const void* x, const void* dy, void* dx) override {
    cpu::gelu_backward<T>(context_, kind, {n, x, dy, dx});
  }
  void dropout_forward(const DropoutArgs& a) override { dropout<T>(context_, a); }
  void dropout_backward(const DropoutArgs& a) override { dropout<T>(context_, a); }
  void add(std::int64_t n, const void* a, const void* b, void* y) override {
    cpu::add<T>(context_, n, a, b, y);
  }
  void block_attention_forward(const BlockAttentionArgs& a) override {
    cpu::block_attention_forward(context_, a, kElements);
  }
  void block_attention_backward(const BlockAttentionGrad& a) override {
    cpu::block_attention_backward(context_, a, kElements);
  }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const std::int32_t* index, const void* x,
                 void* y) override {
    cpu::copy_rows(context_, {rows, bytes, index}, x, y);
  }
  void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                   const void* x, void* y) override {
    cpu::gather_rows<T>(context_, {rows, channels, index}, x, y);
  }
  void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                        const void* dy, void* dx) override {
    cpu::scatter_add_rows<T>(context_, {rows, channels, index}, dy, dx);
  }
  void mean_rows(std::int64_t batch, std::int64_t tokens, std::int64_t channels,
                 const std::int32_t* begin, const std::int32_t* end, const void* x,
                 void* y) override {
    cpu::mean_rows<T>(context_, {batch, tokens, channels, begin, end, x, y});
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

  void adamw(const AdamWArgs& a) override {
    device_->weights.changed(a.value, static_cast<std::size_t>(a.n) * sizeof(float));
    cpu::adamw(context_, a);
  }
  void sum(std::int64_t n, const void* x, double* total) override {
    cpu::sum(context_, n, x, total);
  }
  void sum_of_squares(std::int64_t n, const void* x, double* total) override {
    cpu::sum_of_squares(context_, n, x, total);
  }

 private:
  static constexpr bool kIsFloat = std::is_same_v<T, float>;
  static constexpr AttentionElements kElements =
      kIsFloat ? AttentionElements::f32 : AttentionElements::bf16;

  std::shared_ptr<Device> device_;
  const Context& context_;
  std::unique_ptr<KernelSet> floats_;  // of a bf16 set
};

}  // namespace

bool has_bf16() { return multiplies_bf16(pick_tier()); }

std::unique_ptr<KernelSet> make_cpu_kernel_set(DType dtype, int threads) {
  if (dtype != DType::f32 && dtype != DType::bf16) {
    throw std::invalid_argument("the CPU kernels compute in f32 or bf16");
  }
  if (threads < 0) throw std::invalid_argument("the number of threads is 0 (all cores) or more");
  auto device = std::make_shared<Device>(threads > 0 ? threads : omp_get_num_procs());
  if (dtype == DType::f32) return std::make_unique<CpuKernelSet<float>>(std::move(device));
  if (!has_bf16()) {
    throw std::invalid_argument(
        "this processor has no instructions for bf16 (AVX-512 BF16), or "
        "DNABIRD_ISA leaves them out; take --precision f32");
  }
  return std::make_unique<CpuKernelSet<Bf16>>(std::move(device));
}

}  // namespace dnabird::kernels::cpu
