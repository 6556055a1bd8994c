#include "model/parameters.h"

#include "core/errors.h"

namespace dnabird::model {

using core::Tensor;

void Parameters::add(const std::string& name, core::Shape shape, Decay decay) {
  core::require(values_.is_empty(), "parameter " + name + " added after allocate()");
  core::require(index_.emplace(name, list_.size()).second, "parameter " + name + " added twice");
  const std::int64_t count = core::element_count(shape);
  list_.push_back({name, std::move(shape), decay, size_});
  size_ += count;
}

void Parameters::allocate(core::KernelSet& kernels) {
  values_ = Tensor::parameters(kernels, {size_});
}

bool Parameters::has(const std::string& name) const { return index_.count(name) != 0; }

const ParameterInfo& Parameters::info(const std::string& name) const {
  const auto found = index_.find(name);
  core::require(found != index_.end(), "no parameter " + name);
  return list_[found->second];
}

core::Tensor& Parameters::gradients() const {
  if (gradients_.is_empty()) {
    gradients_ = Tensor::zeros(values_.kernels(), {size_}, values_.dtype());
  }
  return gradients_;
}

Tensor Parameters::value(const std::string& name) const {
  const ParameterInfo& parameter = info(name);
  return values_.view(parameter.begin, parameter.shape);
}

Tensor Parameters::gradient(const std::string& name) const {
  const ParameterInfo& parameter = info(name);
  return gradients().view(parameter.begin, parameter.shape);
}

Tensor Parameters::value_span(const std::string& name, core::Shape shape) const {
  return values_.view(info(name).begin, std::move(shape));
}

Tensor Parameters::gradient_span(const std::string& name, core::Shape shape) const {
  return gradients().view(info(name).begin, std::move(shape));
}

}  // namespace dnabird::model
