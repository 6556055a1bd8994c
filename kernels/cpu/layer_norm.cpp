#include "kernels/cpu/layer_norm.h"

#include "kernels/cpu/column_sums.h"

namespace dnabird::kernels::cpu {

namespace {

// Fixed: sums over rows are made of sums over so many.
constexpr std::int64_t kRows = 128;

}  // namespace

template <class T>
void layer_norm_forward(const Context& context, const LayerNormArgs& a) {
  for_each_piece(context, a.rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    context.tier.loops<T>().layer_norm_forward(a, begin, end);
  });
}

template <class T>
void layer_norm_backward(const Context& context, const LayerNormGrad& a) {
  const std::int64_t pieces = (a.rows + kRows - 1) / kRows;
  const PoolArray sums(context.pool, pieces * 2 * a.channels);
  float* dgamma = sums.data();
  float* dbeta = dgamma + pieces * a.channels;
  for_each_piece(context, a.rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin / kRows * a.channels;
    context.tier.loops<T>().layer_norm_backward(a, begin, end, dgamma + at, dbeta + at);
  });
  if (a.dgamma) add_column_sums(context, pieces, a.channels, dgamma, floats(a.dgamma));
  if (a.dbeta) add_column_sums(context, pieces, a.channels, dbeta, floats(a.dbeta));
}

template void layer_norm_forward<float>(const Context&, const LayerNormArgs&);
template void layer_norm_forward<Bf16>(const Context&, const LayerNormArgs&);
template void layer_norm_backward<float>(const Context&, const LayerNormGrad&);
template void layer_norm_backward<Bf16>(const Context&, const LayerNormGrad&);

}  // namespace dnabird::kernels::cpu
