#include "kernels/cpu/optimizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace dnabird::kernels::cpu {

namespace {

/// Sum of term(x[i]): by lane within a piece, then the lanes, then the pieces, all in order.
template <class Term>
double ordered_sum(const Context& context, std::int64_t n, const float* x, const Term& term) {
  constexpr int kSums = 8;
  std::vector<double> pieces((n + kPiece - 1) / kPiece);
  for_each_piece(context, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    double sums[kSums] = {};
    std::int64_t i = begin;
    for (; i + kSums <= end; i += kSums) {
      for (int l = 0; l < kSums; ++l) sums[l] += term(static_cast<double>(x[i + l]));
    }
    for (; i < end; ++i) sums[i % kSums] += term(static_cast<double>(x[i]));
    double total = 0;
    for (const double s : sums) total += s;
    pieces[begin / kPiece] = total;
  });
  double total = 0;
  for (const double piece : pieces) total += piece;
  return total;
}

}  // namespace

void adamw(const Context& context, const AdamWArgs& a) {
  const double step = static_cast<double>(a.step);
  const double scale = clip_scale(a.clip, *a.gradient_squares);
  if (std::isnan(scale)) return;
  const float decay = static_cast<float>(a.learning_rate * a.weight_decay);
  AdamWRange all{};
  all.step_size = static_cast<float>(a.learning_rate / (1 - std::pow(a.beta1, step)));
  all.epsilon = static_cast<float>(a.epsilon);
  all.gradient_scale = static_cast<float>(scale);
  all.beta1 = static_cast<float>(a.beta1);
  all.beta2 = static_cast<float>(a.beta2);
  all.rest1 = static_cast<float>(1 - a.beta1);
  all.rest2 = static_cast<float>(1 - a.beta2);
  all.second_correction = static_cast<float>(1 / std::sqrt(1 - std::pow(a.beta2, step)));
  for_each_piece(context, a.n, kPiece, [&](std::int64_t begin, std::int64_t end) {
    const std::int32_t* const ends = a.span_ends + a.spans;
    const std::int32_t* span = std::upper_bound(a.span_ends, ends, begin);
    for (std::int64_t at = begin, next = end; at < end; at = next, ++span) {
      next = span == ends ? end : std::min<std::int64_t>(*span, end);
      AdamWRange range = all;
      range.n = next - at;
      range.decay = (span - a.span_ends) % 2 == 0 ? decay : 0;
      range.gradient = floats(a.gradient) + at;
      range.value = floats(a.value) + at;
      range.first_moment = floats(a.first_moment) + at;
      range.second_moment = floats(a.second_moment) + at;
      context.tier.adamw(range);
    }
  });
}

void sum(const Context& context, std::int64_t n, const void* x, double* total) {
  *total = ordered_sum(context, n, floats(x), [](double v) { return v; });
}

void sum_of_squares(const Context& context, std::int64_t n, const void* x, double* total) {
  *total = ordered_sum(context, n, floats(x), [](double v) { return v * v; });
}

}  // namespace dnabird::kernels::cpu
