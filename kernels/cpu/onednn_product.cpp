#include "kernels/cpu/onednn_product.h"

#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>

namespace dnabird::kernels::cpu {

namespace {

using dnnl::memory;

// A shape costs some kilobytes; rows come in multiples of a few, so that there are not many.
constexpr std::size_t kMostShapes = 2048;

const dnnl::engine& engine() {
  static const dnnl::engine kEngine(dnnl::engine::kind::cpu, 0);
  return kEngine;
}

memory::desc matrix(const memory::dims& size, const memory::dims& strides) {
  return {size, memory::data_type::f32, strides};
}

/// The implementation whose rows keep their bytes for every m ("brg": batches of small products
/// with one chain of additions over k), if there is one for the shape.
dnnl::matmul::primitive_desc describe(const ProductShape& s) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (s.adds_to_c) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const memory::desc a = matrix({s.m, s.k}, {s.a_row, s.a_column});
  const memory::desc b = matrix({s.k, s.n}, {s.b_row, s.b_column});
  const memory::desc c = matrix({s.m, s.n}, {s.n, 1});
  const auto operation = s.has_bias ? dnnl::matmul::desc(a, b, matrix({1, s.n}, {s.n, 1}), c)
                                    : dnnl::matmul::desc(a, b, c);
  dnnl::matmul::primitive_desc chosen(operation, attributes, engine());
  do {
    if (std::string(chosen.impl_info_str()).starts_with("brg")) return chosen;
  } while (chosen.next_impl());
  return {operation, attributes, engine()};
}

/// oneDNN does not write through what it only reads.
memory in(const memory::desc& desc, const float* data) {
  return {desc, engine(), const_cast<float*>(data)};
}

}  // namespace

struct OneDnnProduct::State {
  explicit State(const ProductShape& shape) : desc(describe(shape)), product(desc) {}
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul product;
};

OneDnnProduct::OneDnnProduct(const ProductShape& shape) {
  const OnCallersThread one;  // how many threads a product uses is fixed when it is made
  state_ = std::make_unique<State>(shape);
}

OneDnnProduct::~OneDnnProduct() = default;

std::size_t OneDnnProduct::scratch_floats() const {
  return (state_->desc.scratchpad_desc().get_size() + sizeof(float) - 1) / sizeof(float);
}

void OneDnnProduct::run(const ProductArrays& arrays) const {
  const dnnl::matmul::primitive_desc& d = state_->desc;
  std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, in(d.src_desc(), arrays.a)},
      {DNNL_ARG_WEIGHTS, in(d.weights_desc(), arrays.b)},
      {DNNL_ARG_DST, memory(d.dst_desc(), engine(), arrays.c)},
      {DNNL_ARG_SCRATCHPAD, memory(d.scratchpad_desc(), engine(), arrays.scratch)}};
  if (arrays.bias) arguments.emplace(DNNL_ARG_BIAS, in(d.bias_desc(), arrays.bias));
  thread_local dnnl::stream stream(engine());
  state_->product.execute(stream, arguments);
  stream.wait();
}

std::shared_ptr<const OneDnnProduct> OneDnnProducts::of(const ProductShape& shape) {
  if (const auto found = products_.find(shape); found != products_.end()) return found->second;
  if (products_.size() >= kMostShapes) products_.clear();
  return products_[shape] = std::make_shared<const OneDnnProduct>(shape);
}

OnCallersThread::OnCallersThread() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }

OnCallersThread::~OnCallersThread() { omp_set_num_threads(threads_); }

}  // namespace dnabird::kernels::cpu
