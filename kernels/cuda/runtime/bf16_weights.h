// Parameters rounded to bf16, for the products of bf16 activations, kept while they do not change.
#pragma once

#include <cstddef>
#include <map>

#include "kernels/bf16.h"
#include "kernels/memory_pool.h"

namespace dnabird::kernels::cuda {

struct Context;

/// Knows where parameters lie. What is asked for is rounded together with all that was allocated
/// with it: the weights of a model change together. Not thread-safe.
class Bf16Weights {
 public:
  explicit Bf16Weights(MemoryPool& pool) : pool_(pool) {}
  Bf16Weights(const Bf16Weights&) = delete;
  Bf16Weights& operator=(const Bf16Weights&) = delete;
  ~Bf16Weights();

  /// [begin, begin + bytes) holds parameters from now on; until remove_parameters(begin).
  void add_parameters(const void* begin, std::size_t bytes);
  void remove_parameters(const void* begin);
  /// The bytes are about to be written: what was rounded of them is stale.
  void changed(const void* begin, std::size_t bytes);

  /// The `elements` floats at `weight`, rounded, for work on the context's stream; null if they are
  /// no parameters. Valid until parameters change.
  const Bf16* find(const Context& context, const float* weight, std::size_t elements);
  /// Rounds again what is stale of all that was ever asked for, where a graph reads it.
  void refresh(const Context& context);

 private:
  struct Kept {
    std::size_t bytes;        // of the floats
    Bf16* rounded = nullptr;  // all of them, once asked for
    bool stale = true;
  };
  void round(const Context& context, const std::byte* begin, Kept& kept) const;

  MemoryPool& pool_;
  std::map<const std::byte*, Kept> parameters_;  // by where they begin
};

}  // namespace dnabird::kernels::cuda
