#include "kernels/cuda/runtime/cuda_kernel_set.h"

#include <cuda_runtime.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "kernels/cuda/ops/block_attention.h"
#include "kernels/cuda/ops/dropout.h"
#include "kernels/cuda/ops/embedding.h"
#include "kernels/cuda/ops/gelu.h"
#include "kernels/cuda/ops/layer_norm.h"
#include "kernels/cuda/ops/linear.h"
#include "kernels/cuda/ops/losses.h"
#include "kernels/cuda/ops/optimizer.h"
#include "kernels/cuda/ops/rows.h"
#include "kernels/cuda/runtime/capture.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/device.h"
#include "kernels/cuda/runtime/devices.h"

namespace dnabird::kernels::cuda {

namespace {

/// What device_stream() knows all CUDA kernel sets by.
class OnStream : public KernelSet {
 public:
  virtual DeviceStream stream() const = 0;
};

/// The kernels for activations of T = float or Bf16.
template <class T>
class CudaKernelSet final : public OnStream {
 public:
  explicit CudaKernelSet(std::shared_ptr<Device> device) : device_(std::move(device)) {
    if constexpr (!kIsFloat) floats_ = std::make_unique<CudaKernelSet<float>>(device_);
  }

  DeviceStream stream() const override { return {device_->index, device_->context.stream}; }
  std::string name() const override { return "cuda:" + std::to_string(device_->index); }
  DType dtype() const override { return kIsFloat ? DType::f32 : DType::bf16; }
  DType parameter_dtype() const override { return DType::f32; }
  KernelSet& in(DType dtype) override {
    if constexpr (!kIsFloat) {
      if (dtype == DType::f32) return *floats_;
    }
    return KernelSet::in(dtype);
  }
  std::string description() const override {
    return describe(device_->facts) + (kIsFloat ? ", f32" : ", bf16");
  }

  std::int64_t tokens_per_batch() const override { return 1 << 17; }

  void* allocate(std::size_t bytes) override { return context().pool.allocate(bytes); }
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
  bool captures() const override { return device_->uses_graphs; }
  std::unique_ptr<CapturedWork> capture(const std::function<void()>& work) override {
    context();
    return capture_graph(device_, work);
  }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    if (bytes == 0) return;
    if (device_->capture.active()) {
      move(device, device_->capture.keep_copy(host, bytes), bytes, cudaMemcpyHostToDevice);
      return;
    }
    context();
    device_->weights.changed(device, bytes);
    device_->host_copies.copy_in(device, host, bytes);
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    if (bytes == 0) return;
    device_->capture.refuse("a copy to the host");
    check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, context().stream),
          "copy to the host");
    synchronize();
  }
  std::unique_ptr<HostCopy> start_copy_out(const void* device, std::size_t bytes) override {
    device_->capture.refuse("a copy to the host");
    context();
    return device_->host_copies.start_copy_out(device, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    move(to, from, bytes, cudaMemcpyDeviceToDevice);
  }
  void zero(void* memory, std::size_t bytes) override {
    if (bytes == 0) return;
    device_->weights.changed(memory, bytes);
    check(cudaMemsetAsync(memory, 0, bytes, context().stream), "zeroing of memory");
  }
  void synchronize() override {
    device_->capture.refuse("a wait for the device");
    check(cudaStreamSynchronize(context().stream), "work on the device");
  }

  void embedding_forward(const EmbeddingArgs& a) override {
    cuda::embedding_forward<T>(context(), a);
  }
  void embedding_backward(const EmbeddingGrad& a) override {
    cuda::embedding_backward<T>(context(), a);
  }
  void layer_norm_forward(const LayerNormArgs& a) override {
    cuda::layer_norm_forward<T>(context(), a);
  }
  void layer_norm_backward(const LayerNormGrad& a) override {
    cuda::layer_norm_backward<T>(context(), a);
  }
  void linear_forward(const LinearArgs& a) override { cuda::linear_forward<T>(context(), a); }
  void linear_backward(const LinearGrad& a) override { cuda::linear_backward<T>(context(), a); }
  void gelu_forward(Gelu kind, std::int64_t n, const void* x, void* y) override {
    cuda::gelu_forward<T>(context(), kind, n, x, y);
  }
  void gelu_backward(Gelu kind, std::int64_t n, const void* x, const void* dy, void* dx) override {
    cuda::gelu_backward<T>(context(), kind, {n, x, dy, dx});
  }
  void dropout_forward(const DropoutArgs& a) override { dropout<T>(context(), a); }
  void dropout_backward(const DropoutArgs& a) override { dropout<T>(context(), a); }
  void add(std::int64_t n, const void* a, const void* b, void* y) override {
    cuda::add<T>(context(), n, a, b, y);
  }
  void block_attention_forward(const BlockAttentionArgs& a) override {
    cuda::block_attention_forward<T>(context(), a);
  }
  void block_attention_backward(const BlockAttentionGrad& a) override {
    cuda::block_attention_backward<T>(context(), a);
  }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const std::int32_t* index, const void* x,
                 void* y) override {
    cuda::copy_rows(context(), {rows, bytes, index}, x, y);
  }
  void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                   const void* x, void* y) override {
    cuda::gather_rows<T>(context(), {rows, channels, index}, x, y);
  }
  void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                        const void* dy, void* dx) override {
    cuda::scatter_add_rows<T>(context(), {rows, channels, index}, dy, dx);
  }
  void mean_rows(std::int64_t batch, std::int64_t tokens, std::int64_t channels,
                 const std::int32_t* begin, const std::int32_t* end, const void* x,
                 void* y) override {
    cuda::mean_rows<T>(context(), {batch, tokens, channels, begin, end, x, y});
  }

  void cross_entropy_forward(const CrossEntropyArgs& a) override {
    cuda::cross_entropy_forward(context(), a);
  }
  void cross_entropy_backward(const CrossEntropyGrad& a) override {
    cuda::cross_entropy_backward(context(), a);
  }
  void binary_cross_entropy_forward(const ElementLossArgs& a) override {
    cuda::binary_cross_entropy_forward(context(), a);
  }
  void binary_cross_entropy_backward(const ElementLossGrad& a) override {
    cuda::binary_cross_entropy_backward(context(), a);
  }
  void squared_error_forward(const ElementLossArgs& a) override {
    cuda::squared_error_forward(context(), a);
  }
  void squared_error_backward(const ElementLossGrad& a) override {
    cuda::squared_error_backward(context(), a);
  }

  void adamw(const AdamWArgs& a) override {
    device_->weights.changed(a.value, static_cast<std::size_t>(a.n) * sizeof(float));
    cuda::adamw(context(), a);
  }
  void sum(std::int64_t n, const void* x, double* total) override {
    cuda::sum(context(), n, x, total);
  }
  void sum_of_squares(std::int64_t n, const void* x, double* total) override {
    cuda::sum_of_squares(context(), n, x, total);
  }

 private:
  static constexpr bool kIsFloat = std::is_same_v<T, float>;

  /// The current device is one of the thread's, and callers come from several threads.
  const Context& context() const {
    check(cudaSetDevice(device_->index), "choice of the device");
    return device_->context;
  }
  void move(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (bytes == 0) return;
    device_->weights.changed(to, bytes);
    check(cudaMemcpyAsync(to, from, bytes, kind, context().stream), "copy of memory");
  }

  std::shared_ptr<Device> device_;
  std::unique_ptr<KernelSet> floats_;  // of a bf16 set
};

}  // namespace

std::optional<DeviceStream> device_stream(const KernelSet& kernels) {
  const auto* set = dynamic_cast<const OnStream*>(&kernels);
  return set == nullptr ? std::nullopt : std::optional(set->stream());
}

std::unique_ptr<KernelSet> make_cuda_kernel_set(DType dtype, int device) {
  if (dtype != DType::f32 && dtype != DType::bf16) {
    throw std::invalid_argument("the CUDA kernels compute in f32 or bf16");
  }
  std::string why_not;
  const int count = device_count(&why_not);
  if (count == 0) throw std::invalid_argument(why_not + "; run with --device cpu");
  if (device >= count) {
    throw std::invalid_argument(
        "this machine has " + std::to_string(count) +
        (count == 1 ? " CUDA device, cuda:0" : " CUDA devices, from cuda:0"));
  }
  DeviceFacts facts = device_facts(device);
  if (facts.capability < kOldestCapability) {
    throw std::invalid_argument(describe(facts) +
                                " is too old, sm_80 or newer is needed; run with --device cpu");
  }
  check(cudaSetDevice(device), "choice of the device");
  // In f32 a bf16 set computes the heads, whose inputs have been rounded to far fewer digits.
  auto shared = std::make_shared<Device>(device, std::move(facts), dtype == DType::bf16);
  if (dtype == DType::f32) return std::make_unique<CudaKernelSet<float>>(std::move(shared));
  return std::make_unique<CudaKernelSet<Bf16>>(std::move(shared));
}

}  // namespace dnabird::kernels::cuda
