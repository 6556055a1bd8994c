// All parameters of a model in two flat arrays, values and gradients, with named views in the
// names of the Hugging Face layout. The optimizer, clipping and checkpoints walk flat memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace dnabird::model {

enum class Decay { yes, no };  // weight decay: matrices yes; biases, norms, embeddings' norms no

struct ParameterInfo {
  std::string name;
  core::Shape shape;
  Decay decay;
  std::int64_t begin;  // first element in the flat arrays
};

class Parameters {
 public:
  /// Registers a parameter behind the last one; before allocate().
  void add(const std::string& name, core::Shape shape, Decay decay);
  /// Makes the flat array of values, zeroed. That of gradients is made, zeroed, when it is first
  /// asked for: inference has none.
  void allocate(core::KernelSet& kernels);

  const std::vector<ParameterInfo>& list() const { return list_; }
  bool has(const std::string& name) const;
  /// Throws std::logic_error if there is no such parameter.
  const ParameterInfo& info(const std::string& name) const;
  std::int64_t size() const { return size_; }
  core::Tensor value(const std::string& name) const;  // shares the flat array
  core::Tensor gradient(const std::string& name) const;
  /// `count` parameters that lie one behind the other from `name` on, as one view of `shape`
  /// (query, key and value as one matrix).
  core::Tensor value_span(const std::string& name, core::Shape shape) const;
  core::Tensor gradient_span(const std::string& name, core::Shape shape) const;
  core::Tensor& values() { return values_; }  // (size)
  core::Tensor& gradients() const;            // (size)
  const core::Tensor& values() const { return values_; }

 private:
  std::vector<ParameterInfo> list_;
  std::map<std::string, std::size_t> index_;
  std::int64_t size_ = 0;
  core::Tensor values_;
  mutable core::Tensor gradients_;  // empty until asked for
};

}  // namespace dnabird::model
