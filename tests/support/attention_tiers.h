// Block attention of one instruction set of the CPU, called on arrays of double: for tests of what
// the sets have in common.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/cpu/block_attention.h"
#include "kernels/cpu/system_memory.h"
#include "support/attention_op_calls.h"

namespace dnabird::test {

using kernels::cpu::AttentionElements;

inline kernels::Bf16 bf16_of(double value) {
  kernels::Bf16 nearest;
  kernels::assign(nearest, static_cast<float>(value));
  return nearest;
}

/// Values as elements of that type can hold them.
inline std::vector<double> rounded(std::vector<double> values, AttentionElements elements) {
  for (double& x : values) {
    x = elements == AttentionElements::bf16 ? kernels::to_float(bf16_of(x)) : static_cast<float>(x);
  }
  return values;
}

/// An array of elements with NaN behind it, which stays as it is.
class ElementArray {
 public:
  ElementArray(const std::vector<double>& values, AttentionElements elements)
      : elements_(elements), n_(values.size()) {
    std::vector<double> all = values;
    all.resize(n_ + kGuard, std::numeric_limits<double>::quiet_NaN());
    for (const double x : all) {
      halves_.push_back(bf16_of(x));
      floats_.push_back(static_cast<float>(x));
    }
  }
  /// An output: NaN.
  ElementArray(std::size_t n, AttentionElements elements)
      : ElementArray(std::vector<double>(n, std::numeric_limits<double>::quiet_NaN()), elements) {}

  void* data() {
    return elements_ == AttentionElements::bf16 ? static_cast<void*>(halves_.data())
                                                : floats_.data();
  }
  std::vector<double> values() const {
    std::vector<double> all;
    for (std::size_t i = 0; i < n_ + kGuard; ++i) {
      all.push_back(elements_ == AttentionElements::bf16 ? kernels::to_float(halves_[i])
                                                         : floats_[i]);
    }
    for (std::size_t i = n_; i < all.size(); ++i) {
      EXPECT_TRUE(std::isnan(all[i])) << "a kernel wrote past the end of an array of " << n_;
    }
    all.resize(n_);
    return all;
  }

 private:
  static constexpr std::size_t kGuard = 64;

  AttentionElements elements_;
  std::size_t n_;
  std::vector<kernels::Bf16> halves_;
  std::vector<float> floats_;
};

/// One call: shape, pattern, lengths, and what is read.
struct AttentionCall {
  AttentionShape shape;
  BlockLists lists;
  std::vector<std::int32_t> lengths;
  std::vector<double> qkv, dout;
  std::vector<double> out = {}, log_sum_exp = {};  // of forward, for backward

  std::size_t outputs() const {
    return static_cast<std::size_t>(shape.batch * shape.tokens * shape.heads * shape.head_size);
  }
  std::size_t rows() const {
    return static_cast<std::size_t>(shape.batch * shape.tokens * shape.heads);
  }
};

/// Random values of what `elements` can hold; NaN in padding.
inline AttentionCall attention_call(const AttentionShape& s, const BlockLists& lists,
                                    const std::vector<std::int32_t>& lengths,
                                    AttentionElements elements) {
  const Op op = attention_op(s, lists, lengths);
  AttentionCall call{s, lists, lengths, rounded(op.inputs.at("qkv"), elements),
                     rounded(op.inputs.at("dy"), elements)};
  const std::size_t width = static_cast<std::size_t>(s.heads * s.head_size);
  for (std::int64_t b = 0; b < s.batch; ++b) {
    for (std::int64_t t = lengths[static_cast<std::size_t>(b)]; t < s.tokens; ++t) {
      const std::size_t row = static_cast<std::size_t>(b * s.tokens + t);
      std::fill_n(call.qkv.begin() + static_cast<std::ptrdiff_t>(row * 3 * width), 3 * width,
                  std::numeric_limits<double>::quiet_NaN());
      std::fill_n(call.dout.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                  std::numeric_limits<double>::quiet_NaN());
    }
  }
  return call;
}

/// The kernels of one instruction set.
class TierAttention {
 public:
  TierAttention(const kernels::cpu::Tier& tier, AttentionElements elements, int threads)
      : elements_(elements), context_{tier, threads, pool_, nullptr, nullptr} {}

  /// {"out", "log_sum_exp"}
  Arrays forward(const AttentionCall& call) {
    const HostPattern pattern(call.lists);
    const AttentionShape& s = call.shape;
    ElementArray qkv(call.qkv, elements_), out(call.outputs(), elements_);
    ElementArray log_sum_exp(call.rows(), AttentionElements::f32);
    block_attention_forward(
        context_,
        {s.batch, s.tokens, s.heads, s.head_size, attention_scale(s), pattern.view(),
         call.lengths.data(), qkv.data(), out.data(), log_sum_exp.data()},
        elements_);
    return {{"out", out.values()}, {"log_sum_exp", log_sum_exp.values()}};
  }
  /// {"dqkv"}
  Arrays backward(const AttentionCall& call) {
    const HostPattern pattern(call.lists);
    const AttentionShape& s = call.shape;
    ElementArray qkv(call.qkv, elements_), out(call.out, elements_), dout(call.dout, elements_);
    ElementArray log_sum_exp(call.log_sum_exp, AttentionElements::f32);
    ElementArray dqkv(3 * call.outputs(), elements_);
    block_attention_backward(
        context_,
        {s.batch, s.tokens, s.heads, s.head_size, attention_scale(s), pattern.view(),
         call.lengths.data(), qkv.data(), out.data(), log_sum_exp.data(), dout.data(), dqkv.data()},
        elements_);
    return {{"dqkv", dqkv.values()}};
  }

 private:
  AttentionElements elements_;
  kernels::MemoryPool pool_{kernels::cpu::system_memory()};
  kernels::cpu::Context context_;
};

/// What the reference gives in double.
inline Arrays reference_attention(const AttentionCall& call, bool with_gradients) {
  const auto reference = kernels::make_kernel_set("reference", kernels::DType::f64, 1);
  Op op = attention_op(call.shape, call.lists, call.lengths);
  op.inputs["qkv"] = call.qkv;
  op.inputs["dy"] = call.dout;
  const Arrays forward = op.forward(*reference, op, 0);
  Arrays all{{"out", forward.at("y")}, {"log_sum_exp", forward.at("log_sum_exp")}};
  if (with_gradients) all["dqkv"] = op.backward(*reference, op, forward, {}).at("qkv");
  return all;
}

}  // namespace dnabird::test
