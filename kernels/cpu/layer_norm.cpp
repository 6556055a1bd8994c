#include "kernels/cpu/layer_norm.h"

#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/dropout.h"

namespace dnabird::kernels::cpu {

namespace {

// Fixed: sums over rows are made of sums over so many.
constexpr std::int64_t kRows = 128;

}  // namespace

template <class T>
void layer_norm_forward(const Context& context, const LayerNormArgs& a) {
  const ElementLoops<T>& loops = context.tier.loops<T>();
  const bool drops = a.dropout.p > 0;
  LayerNormArgs norm = a;
  DropoutArgs dropout{a.rows * a.channels, a.dropout, a.x, a.sum ? a.sum : a.y};
  if (drops) {
    dropout.draws = with_stream(a.dropout);
    norm.x = dropout.y;
  }
  for_each_piece(context, a.rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    // A piece is still in the cache when the norm reads it.
    if (drops) loops.dropout(dropout, begin * a.channels, (end - begin) * a.channels);
    loops.layer_norm_forward(norm, begin, end);
  });
}

template <class T>
void layer_norm_backward(const Context& context, const LayerNormGrad& a) {
  const std::int64_t pieces = (a.rows + kRows - 1) / kRows;
  const PoolArray sums(context.pool, pieces * 2 * a.channels);
  float* dgamma = sums.data();
  float* dbeta = dgamma + pieces * a.channels;
  const ElementLoops<T>& loops = context.tier.loops<T>();
  LayerNormGrad norm = a;
  if (!a.dx) norm.dx = a.ddropped;
  DropoutArgs dropout{a.rows * a.channels, a.dropout, norm.dx, a.ddropped};
  if (a.ddropped) dropout.draws = with_stream(a.dropout);
  for_each_piece(context, a.rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin / kRows * a.channels;
    loops.layer_norm_backward(norm, begin, end, dgamma + at, dbeta + at);
    if (a.ddropped) loops.dropout(dropout, begin * a.channels, (end - begin) * a.channels);
  });
  if (a.dgamma) add_column_sums(context, pieces, a.channels, dgamma, floats(a.dgamma));
  if (a.dbeta) add_column_sums(context, pieces, a.channels, dbeta, floats(a.dbeta));
}

template void layer_norm_forward<float>(const Context&, const LayerNormArgs&);
template void layer_norm_forward<Bf16>(const Context&, const LayerNormArgs&);
template void layer_norm_backward<float>(const Context&, const LayerNormGrad&);
template void layer_norm_backward<Bf16>(const Context&, const LayerNormGrad&);

}  // namespace dnabird::kernels::cpu
