#include "kernels/reference/block_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

namespace {

/// Calls visit(key token, log multiplicity) for every key of query token `i`.
template <class Visit>
void for_each_key(const BlockPatternView& p, std::int64_t head, std::int64_t i, std::int64_t length,
                  Visit visit) {
  const std::int64_t row = (p.heads == 1 ? 0 : head) * p.blocks + i / p.block_size;
  for (std::int32_t pair = p.row_begin[row]; pair < p.row_begin[row + 1]; ++pair) {
    const std::int64_t begin = p.key_block[pair] * p.block_size;
    const std::int64_t end = std::min(begin + p.block_size, length);
    const double bias = std::log(static_cast<double>(p.row_multiplicity[pair]));
    for (std::int64_t j = begin; j < end; ++j) visit(j, bias);
  }
}

enum Part { kQuery, kKey, kValue };

/// One head of one sequence in the packed (B,T,3,H,D) array: the D values of a token's query, key
/// or value. T is const for the inputs.
template <class T>
struct PackedHead {
  T* data;
  std::int64_t batch_index, tokens, heads, head, head_size;

  T* row(Part part, std::int64_t t) const {
    return data + (((batch_index * tokens + t) * 3 + part) * heads + head) * head_size;
  }
};

template <class T>
T dot(const T* a, const T* b, std::int64_t n) {
  T sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

template <class T>
void forward_query(const BlockAttentionArgs& a, const PackedHead<const T>& head, std::int64_t i) {
  const std::int64_t D = a.head_size, length = a.lengths[head.batch_index];
  const std::int64_t token = head.batch_index * a.tokens + i;
  T* out = as<T>(a.out) + (token * a.heads + head.head) * D;
  T& lse = as<T>(a.log_sum_exp)[(head.batch_index * a.heads + head.head) * a.tokens + i];
  std::fill_n(out, D, T(0));
  lse = std::numeric_limits<T>::infinity();
  if (i >= length) return;

  std::vector<std::int64_t> keys;
  std::vector<T> scores;
  for_each_key(a.pattern, head.head, i, length, [&](std::int64_t j, double bias) {
    keys.push_back(j);
    scores.push_back(static_cast<T>(a.scale) * dot(head.row(kQuery, i), head.row(kKey, j), D) +
                     static_cast<T>(bias));
  });
  if (keys.empty()) return;
  const T top = *std::max_element(scores.begin(), scores.end());
  T sum = 0;
  for (const T s : scores) sum += std::exp(s - top);
  lse = top + std::log(sum);
  for (std::size_t n = 0; n < keys.size(); ++n) {
    const T p = std::exp(scores[n] - lse);
    for (std::int64_t d = 0; d < D; ++d) out[d] += p * head.row(kValue, keys[n])[d];
  }
}

template <class T>
void backward_query(const BlockAttentionGrad& a, const PackedHead<const T>& in,
                    const PackedHead<T>& gradient, std::int64_t i) {
  const std::int64_t D = a.head_size, token = in.batch_index * a.tokens + i;
  const T scale = static_cast<T>(a.scale);
  const T* q = in.row(kQuery, i);
  const T* dout = as<T>(a.dout) + (token * a.heads + in.head) * D;
  const T delta = dot(dout, as<T>(a.out) + (token * a.heads + in.head) * D, D);
  const T lse = as<T>(a.log_sum_exp)[(in.batch_index * a.heads + in.head) * a.tokens + i];
  T* dq = gradient.row(kQuery, i);
  for_each_key(a.pattern, in.head, i, a.lengths[in.batch_index], [&](std::int64_t j, double bias) {
    const T* k = in.row(kKey, j);
    T* dk = gradient.row(kKey, j);
    T* dv = gradient.row(kValue, j);
    const T p = std::exp(scale * dot(q, k, D) + static_cast<T>(bias) - lse);
    const T ds = p * (dot(dout, in.row(kValue, j), D) - delta) * scale;
    for (std::int64_t d = 0; d < D; ++d) {
      dv[d] += p * dout[d];
      dq[d] += ds * k[d];
      dk[d] += ds * q[d];
    }
  });
}

}  // namespace

template <class T>
void block_attention_forward(const BlockAttentionArgs& a) {
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t h = 0; h < a.heads; ++h) {
      const PackedHead<const T> head{as<T>(a.qkv), b, a.tokens, a.heads, h, a.head_size};
      for (std::int64_t i = 0; i < a.tokens; ++i) forward_query<T>(a, head, i);
    }
  }
}

template <class T>
void block_attention_backward(const BlockAttentionGrad& a) {
  std::fill_n(as<T>(a.dqkv), a.batch * a.tokens * 3 * a.heads * a.head_size, T(0));
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t h = 0; h < a.heads; ++h) {
      const PackedHead<const T> in{as<T>(a.qkv), b, a.tokens, a.heads, h, a.head_size};
      const PackedHead<T> gradient{as<T>(a.dqkv), b, a.tokens, a.heads, h, a.head_size};
      for (std::int64_t i = 0; i < a.lengths[b]; ++i) backward_query<T>(a, in, gradient, i);
    }
  }
}

template void block_attention_forward<float>(const BlockAttentionArgs&);
template void block_attention_forward<double>(const BlockAttentionArgs&);
template void block_attention_backward<float>(const BlockAttentionGrad&);
template void block_attention_backward<double>(const BlockAttentionGrad&);

}  // namespace dnabird::kernels::reference
