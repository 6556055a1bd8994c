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
// oneDNN is asked for the layout of weights for products of so many rows; others take the same.
constexpr std::int64_t kUsualRows = 256;

const dnnl::engine& engine() {
  static const dnnl::engine kEngine(dnnl::engine::kind::cpu, 0);
  return kEngine;
}

memory::data_type type_of(DType dtype) {
  return dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc matrix(const memory::dims& size, const memory::dims& strides, DType dtype) {
  return {size, type_of(dtype), strides};
}

/// oneDNN does not write through what it only reads.
memory in(const memory::desc& desc, const void* data) {
  return {desc, engine(), const_cast<void*>(data)};
}

/// The layout of a packed weight.
memory::desc packed_layout(const WeightShape& w) {
  const memory::desc a = matrix({kUsualRows, w.k}, {w.k, 1}, w.dtype);
  const memory::desc b({w.k, w.n}, type_of(w.dtype), memory::format_tag::any);
  const memory::desc c = matrix({kUsualRows, w.n}, {w.n, 1}, w.dtype);
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), engine()).weights_desc();
}

/// The implementation whose rows keep their bytes for every m ("brg": batches of small products
/// with one chain of additions over k), if there is one for the shape.
dnnl::matmul::primitive_desc describe(const ProductShape& s, const memory::desc& b) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (s.adds_to_c) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const memory::desc a = matrix({s.m, s.k}, {s.a_row, s.a_column}, s.operands);
  const memory::desc c = matrix({s.m, s.n}, {s.n, 1}, s.result);
  const auto operation = s.has_bias
                             ? dnnl::matmul::desc(a, b, matrix({1, s.n}, {s.n, 1}, DType::f32), c)
                             : dnnl::matmul::desc(a, b, c);
  dnnl::matmul::primitive_desc chosen(operation, attributes, engine());
  do {
    if (std::string(chosen.impl_info_str()).starts_with("brg")) return chosen;
  } while (chosen.next_impl());
  return {operation, attributes, engine()};
}

dnnl::stream& stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

}  // namespace

struct OneDnnPacking::State {
  explicit State(const WeightShape& w)
      : from(matrix({w.k, w.n}, {w.row, w.column}, DType::f32)),
        to(packed_layout(w)),
        reorder({engine(), from, engine(), to}) {}
  memory::desc from, to;
  dnnl::reorder reorder;
};

OneDnnPacking::OneDnnPacking(const WeightShape& shape) : state_(std::make_unique<State>(shape)) {}

OneDnnPacking::~OneDnnPacking() = default;

std::size_t OneDnnPacking::bytes() const { return (state_->to.get_size() + 63) / 64 * 64; }

void OneDnnPacking::run(const float* weight, void* packed) const {
  memory from = in(state_->from, weight), to(state_->to, engine(), packed);
  state_->reorder.execute(stream(), from, to);
  stream().wait();
}

struct OneDnnProduct::State {
  State(const ProductShape& shape, const memory::desc& b)
      : desc(describe(shape, b)), product(desc) {}
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul product;
};

OneDnnProduct::OneDnnProduct(const ProductShape& shape, const OneDnnPacking* packing) {
  const OneDnnThreads one(1);  // how many threads a product uses is fixed when it is made
  state_ = std::make_unique<State>(
      shape, packing ? packing->state_->to
                     : matrix({shape.k, shape.n}, {shape.b_row, shape.b_column}, shape.operands));
}

OneDnnProduct::~OneDnnProduct() = default;

std::size_t OneDnnProduct::scratch_bytes() const {
  return state_->desc.scratchpad_desc().get_size();
}

void OneDnnProduct::run(const ProductArrays& arrays) const {
  const dnnl::matmul::primitive_desc& d = state_->desc;
  std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, in(d.src_desc(), arrays.a)},
      {DNNL_ARG_WEIGHTS, in(d.weights_desc(), arrays.b)},
      {DNNL_ARG_DST, memory(d.dst_desc(), engine(), arrays.c)},
      {DNNL_ARG_SCRATCHPAD, memory(d.scratchpad_desc(), engine(), arrays.scratch)}};
  if (arrays.bias) arguments.emplace(DNNL_ARG_BIAS, in(d.bias_desc(), arrays.bias));
  state_->product.execute(stream(), arguments);
  stream().wait();
}

std::shared_ptr<const OneDnnProduct> OneDnnProducts::find_or_make(const ProductShape& shape,
                                                                  const OneDnnPacking* packing) {
  if (const auto found = products_.find(shape); found != products_.end()) return found->second;
  if (products_.size() >= kMostShapes) products_.clear();
  return products_[shape] = std::make_shared<const OneDnnProduct>(shape, packing);
}

std::shared_ptr<const OneDnnProduct> OneDnnProducts::of(const ProductShape& shape) {
  return find_or_make(shape, nullptr);
}

std::shared_ptr<const OneDnnProduct> OneDnnProducts::of(const ProductShape& shape,
                                                        const WeightShape& weight) {
  return find_or_make(shape, packing(weight).get());
}

std::shared_ptr<const OneDnnPacking> OneDnnProducts::packing(const WeightShape& weight) {
  if (const auto found = packings_.find(weight); found != packings_.end()) return found->second;
  if (packings_.size() >= kMostShapes) packings_.clear();
  return packings_[weight] = std::make_shared<const OneDnnPacking>(weight);
}

OneDnnThreads::OneDnnThreads(int threads) : before_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

OneDnnThreads::~OneDnnThreads() { omp_set_num_threads(before_); }

}  // namespace dnabird::kernels::cpu
