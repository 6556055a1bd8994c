#include "kernels/cuda/ops/linear.h"

#include <optional>
#include <type_traits>

#include "kernels/cuda/linear_products.h"
#include "kernels/cuda/ops/column_sums.h"
#include "kernels/cuda/ops/gelu.h"
#include "kernels/cuda/ops/linear_small.h"
#include "kernels/cuda/ops/to_bf16.h"
#include "kernels/cuda/runtime/bf16_weights.h"
#include "kernels/cuda/runtime/cublaslt.h"
#include "kernels/typed.h"

namespace dnabird::kernels::cuda {

namespace {

template <class T>
constexpr bool kIsBf16 = std::is_same_v<T, Bf16>;

/// A parameter in the type of the activations: itself, what is kept of it, or rounded for a scope.
template <class T>
class Operand {
 public:
  Operand(const Context& context, const void* parameter, std::int64_t elements) {
    if (parameter == nullptr) return;
    if constexpr (kIsBf16<T>) {
      const auto n = static_cast<std::size_t>(elements);
      data_ = context.weights.find(context, floats(parameter), n);
      if (data_ != nullptr) return;
      mine_.emplace(context.pool, n);
      to_bf16(context, n, floats(parameter), mine_->data());
      data_ = mine_->data();
    } else {
      data_ = floats(parameter);
    }
  }
  const T* data() const { return data_; }

 private:
  std::optional<PoolBuffer<Bf16>> mine_;
  const T* data_ = nullptr;
};

template <class T>
LinearProduct product_of(const Context& context, LinearPart part, std::int64_t in,
                         std::int64_t out) {
  LinearProduct product{part, in, out, kIsBf16<T> ? DType::bf16 : DType::f32};
  product.rounds = !kIsBf16<T> && context.rounds_f32;
  return product;
}

/// Whether a gelu is computed with the product. Not in f32: how far the library's tanh is from the
/// exact one is not documented. Before Hopper a product with gelu is slower than one kernel more.
template <class T>
bool fuses_gelu(const Context& context, const std::optional<Gelu>& gelu) {
  return kIsBf16<T> && gelu == Gelu::tanh && context.capability >= 90;
}

template <class T>
void linear_dx(const Context& context, const LinearGrad& a) {
  const Operand<T> w(context, a.w, a.out * a.in);
  const LinearProduct product = product_of<T>(context, LinearPart::dx, a.in, a.out);
  const LinearOperands operands{a.rows, w.data(), a.dy, a.dx_start, a.dx};
  if (fuses_gelu<T>(context, a.gelu_of_x)) {
    LinearProduct through_gelu = product;
    through_gelu.undoes_gelu = true;
    LinearOperands with_sum = operands;
    // The library only reads it here.
    with_sum.sum = const_cast<void*>(a.before_gelu);
    if (context.products.multiply(context.stream, through_gelu, with_sum)) return;
  }
  if (!context.products.multiply(context.stream, product, operands)) {
    small_linear_dx<T>(context, a, w.data());
  }
  if (a.gelu_of_x) {
    gelu_backward<T>(context, *a.gelu_of_x, {a.rows * a.in, a.before_gelu, a.dx, a.dx});
  }
}

}  // namespace

template <class T>
void linear_forward(const Context& context, const LinearArgs& a) {
  if (a.rows == 0 || a.out == 0) return;
  const Operand<T> w(context, a.w, a.out * a.in), bias(context, a.bias, a.out);
  LinearProduct product = product_of<T>(context, LinearPart::y, a.in, a.out);
  product.has_bias = a.bias != nullptr;
  LinearOperands operands{a.rows, w.data(), a.x, nullptr, a.y, bias.data()};
  if (fuses_gelu<T>(context, a.gelu)) {
    LinearProduct with_gelu = product;
    with_gelu.has_gelu = true;
    with_gelu.keeps_sum = a.before_gelu != nullptr;
    operands.sum = a.before_gelu;
    if (context.products.multiply(context.stream, with_gelu, operands)) return;
    operands.sum = nullptr;
  }
  if (a.before_gelu != nullptr) operands.d = a.before_gelu;
  if (!context.products.multiply(context.stream, product, operands)) {
    small_linear_forward<T>(context, a, w.data(), as<T>(operands.d));
  }
  if (a.gelu) gelu_forward<T>(context, *a.gelu, a.rows * a.out, operands.d, a.y);
}

template <class T>
void linear_backward(const Context& context, const LinearGrad& a) {
  if (a.rows == 0) return;
  if (a.dx != nullptr) linear_dx<T>(context, a);
  if (a.dw != nullptr) {
    LinearProduct product = product_of<T>(context, LinearPart::dw, a.in, a.out);
    product.row_class = row_class_of(a.rows);
    if (!context.products.multiply(context.stream, product, {a.rows, a.x, a.dy, a.dw, a.dw})) {
      small_linear_dw<T>(context, a);
    }
  }
  if (a.dbias != nullptr) {
    column_sums(context, a.rows, a.out, as<T>(a.dy), floats(a.dbias));
  }
}

template void linear_forward<float>(const Context&, const LinearArgs&);
template void linear_forward<Bf16>(const Context&, const LinearArgs&);
template void linear_backward<float>(const Context&, const LinearGrad&);
template void linear_backward<Bf16>(const Context&, const LinearGrad&);

}  // namespace dnabird::kernels::cuda
