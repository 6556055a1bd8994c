// Weights in the layout of their products, kept while the parameters they are made of do not
// change.
#pragma once

#include <map>
#include <utility>

#include "kernels/cpu/onednn_product.h"
#include "kernels/memory_pool.h"

namespace dnabird::kernels::cpu {

/// Knows where parameters lie and keeps what was packed of them. Not thread-safe.
class PackedWeights {
 public:
  explicit PackedWeights(MemoryPool& pool) : pool_(pool) {}
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;
  ~PackedWeights();

  /// [begin, begin + bytes) holds parameters from now on; until remove_parameters(begin).
  void add_parameters(const void* begin, std::size_t bytes);
  void remove_parameters(const void* begin);
  /// The bytes are about to be written: what was packed of them is stale.
  void changed(const void* begin, std::size_t bytes);

  /// The weight as packed, packed now if it is stale; null if `weight` is no parameter. Valid until
  /// the parameter changes.
  const void* find(const float* weight, const WeightShape& shape, const OneDnnPacking& packing);

 private:
  struct Kept {
    void* packed;
    const float* end;  // of the weight
    bool stale;
  };

  MemoryPool& pool_;
  std::map<const void*, std::size_t> parameters_;  // where they begin, and their bytes
  std::map<std::pair<const float*, WeightShape>, Kept> weights_;  // by where the weight begins
};

}  // namespace dnabird::kernels::cpu
