// A kernel set that captures work as a GPU does, on the CPU: calls are written down with their
// arguments, and made again at every run. So what would go wrong with a graph, numbers that differ
// between runs among the arguments or memory that is expected to last, goes wrong here.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/kernel_set.h"

namespace dnabird::test {

class RecordingKernelSet final : public kernels::KernelSet {
 public:
  /// With `gives_up`, capture() fails every time.
  explicit RecordingKernelSet(std::unique_ptr<KernelSet> inner, bool gives_up = false)
      : inner_(std::move(inner)), gives_up_(gives_up) {}

  /// From now on memory does not hold more than so many bytes in one piece.
  void limit_allocations(std::size_t bytes) { most_bytes_ = bytes; }
  /// From now on there is no memory beside that of captured work.
  void let_captured_take_all() { captured_takes_all_ = true; }
  int captured() const { return captured_; }  // pieces of work
  int runs() const { return runs_; }          // of captured work
  int waits() const { return waits_; }        // for numbers, of the host

  std::string name() const override { return inner_->name(); }
  kernels::DType dtype() const override { return inner_->dtype(); }
  std::string description() const override { return inner_->description(); }
  std::int64_t tokens_per_batch() const override { return inner_->tokens_per_batch(); }

  void* allocate(std::size_t bytes) override {
    if (bytes > most_bytes_) throw kernels::OutOfMemory("the memory of this test is small");
    if (recording_ == nullptr && captured_takes_all_ && there_ > 0) {
      throw kernels::OutOfMemory("captured work takes all memory of this test");
    }
    void* memory = inner_->allocate(bytes);
    if (recording_ != nullptr) recording_->memory[memory] = bytes;
    return memory;
  }
  void* allocate_parameters(std::size_t bytes) override {
    return inner_->allocate_parameters(bytes);
  }
  /// Captured memory stays until the work is gone.
  void release(void* memory, std::size_t bytes) override {
    if (recording_ == nullptr || !recording_->memory.contains(memory)) {
      inner_->release(memory, bytes);
    }
  }
  std::int64_t system_allocations() const override { return inner_->system_allocations(); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    const auto* first = static_cast<const std::byte*>(from);
    call([=, this, host = std::vector<std::byte>(first, first + bytes)] {
      inner_->copy_in(to, host.data(), bytes);
    });
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    refuse();
    ++waits_;
    inner_->copy_out(to, from, bytes);
  }
  std::unique_ptr<kernels::HostCopy> start_copy_out(const void* from, std::size_t bytes) override {
    refuse();
    return std::make_unique<CountedCopy>(inner_->start_copy_out(from, bytes), waits_);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    call([=, this] { inner_->copy(to, from, bytes); });
  }
  void zero(void* memory, std::size_t bytes) override {
    call([=, this] { inner_->zero(memory, bytes); });
  }
  void synchronize() override {
    refuse();
    inner_->synchronize();
  }

  bool captures() const override { return true; }
  std::unique_ptr<kernels::CapturedWork> capture(const std::function<void()>& work) override {
    if (gives_up_) return nullptr;
    auto recorded = std::make_unique<Recorded>(*this);
    recording_ = recorded.get();
    try {
      work();
    } catch (...) {
      recording_ = nullptr;
      throw;
    }
    recording_ = nullptr;
    ++captured_;
    return recorded;
  }

#define DNABIRD_RECORDED(op, Args)           \
  void op(const kernels::Args& a) override { \
    call([=, this] { inner_->op(a); });      \
  }
  DNABIRD_RECORDED(embedding_forward, EmbeddingArgs)
  DNABIRD_RECORDED(embedding_backward, EmbeddingGrad)
  DNABIRD_RECORDED(layer_norm_forward, LayerNormArgs)
  DNABIRD_RECORDED(layer_norm_backward, LayerNormGrad)
  DNABIRD_RECORDED(linear_forward, LinearArgs)
  DNABIRD_RECORDED(linear_backward, LinearGrad)
  DNABIRD_RECORDED(dropout_forward, DropoutArgs)
  DNABIRD_RECORDED(dropout_backward, DropoutArgs)
  DNABIRD_RECORDED(block_attention_forward, BlockAttentionArgs)
  DNABIRD_RECORDED(block_attention_backward, BlockAttentionGrad)
  DNABIRD_RECORDED(cross_entropy_forward, CrossEntropyArgs)
  DNABIRD_RECORDED(cross_entropy_backward, CrossEntropyGrad)
  DNABIRD_RECORDED(binary_cross_entropy_forward, ElementLossArgs)
  DNABIRD_RECORDED(binary_cross_entropy_backward, ElementLossGrad)
  DNABIRD_RECORDED(squared_error_forward, ElementLossArgs)
  DNABIRD_RECORDED(squared_error_backward, ElementLossGrad)
  DNABIRD_RECORDED(adamw, AdamWArgs)
#undef DNABIRD_RECORDED

  void gelu_forward(kernels::Gelu kind, std::int64_t n, const void* x, void* y) override {
    call([=, this] { inner_->gelu_forward(kind, n, x, y); });
  }
  void gelu_backward(kernels::Gelu kind, std::int64_t n, const void* x, const void* dy,
                     void* dx) override {
    call([=, this] { inner_->gelu_backward(kind, n, x, dy, dx); });
  }
  void add(std::int64_t n, const void* a, const void* b, void* y) override {
    call([=, this] { inner_->add(n, a, b, y); });
  }
  void copy_rows(std::int64_t rows, std::int64_t bytes, const std::int32_t* index, const void* x,
                 void* y) override {
    call([=, this] { inner_->copy_rows(rows, bytes, index, x, y); });
  }
  void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                   const void* x, void* y) override {
    call([=, this] { inner_->gather_rows(rows, channels, index, x, y); });
  }
  void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                        const void* dy, void* dx) override {
    call([=, this] { inner_->scatter_add_rows(rows, channels, index, dy, dx); });
  }
  void mean_rows(std::int64_t batch, std::int64_t tokens, std::int64_t channels,
                 const std::int32_t* begin, const std::int32_t* end, const void* x,
                 void* y) override {
    call([=, this] { inner_->mean_rows(batch, tokens, channels, begin, end, x, y); });
  }
  void sum(std::int64_t n, const void* x, double* total) override {
    call([=, this] { inner_->sum(n, x, total); });
  }
  void sum_of_squares(std::int64_t n, const void* x, double* total) override {
    call([=, this] { inner_->sum_of_squares(n, x, total); });
  }

 private:
  struct Recorded final : kernels::CapturedWork {
    explicit Recorded(RecordingKernelSet& its_owner) : owner(its_owner) { ++owner.there_; }
    ~Recorded() override {
      --owner.there_;
      for (const auto& [block, bytes] : memory) owner.inner_->release(block, bytes);
    }
    void run() override {
      // Every bit of NaN: nothing of the run before is left.
      for (const auto& [block, bytes] : memory) std::memset(block, 0xFF, bytes);
      for (const auto& one : calls) one();
      ++owner.runs_;
    }
    RecordingKernelSet& owner;
    std::unordered_map<void*, std::size_t> memory;
    std::vector<std::function<void()>> calls;
  };

  template <class Call>
  void call(Call one) {
    if (recording_ != nullptr) {
      recording_->calls.emplace_back(std::move(one));
    } else {
      one();
    }
  }
  class CountedCopy final : public kernels::HostCopy {
   public:
    CountedCopy(std::unique_ptr<kernels::HostCopy> copy, int& waits)
        : copy_(std::move(copy)), waits_(waits) {}
    const void* wait() override {
      ++waits_;
      return copy_->wait();
    }

   private:
    std::unique_ptr<kernels::HostCopy> copy_;
    int& waits_;
  };
  void refuse() const {
    if (recording_ != nullptr) throw std::logic_error("captured work waits for the device");
  }

  std::unique_ptr<KernelSet> inner_;
  bool gives_up_;
  std::size_t most_bytes_ = SIZE_MAX;
  bool captured_takes_all_ = false;
  int captured_ = 0, runs_ = 0, waits_ = 0, there_ = 0;
  Recorded* recording_ = nullptr;
};

}  // namespace dnabird::test
