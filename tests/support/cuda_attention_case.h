// One case of block attention in bf16: inputs, the double reference on the rounded inputs, and the
// device's algorithm run by emulated warps on the same.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "kernels/cuda/attention_combine.h"
#include "kernels/cuda/attention_key_gradient.h"
#include "kernels/cuda/attention_query_gradient.h"
#include "kernels/reference/block_attention.h"
#include "support/cuda_host_warp.h"
#include "support/cuda_patterns.h"

namespace dnabird::test {

struct AttentionCase {
  std::int64_t tokens, heads;
  std::vector<std::int32_t> lengths;
  BlockLists lists;
  std::int32_t forced_parts = 0;
  double amplitude = 1.0;  // of queries and keys
};

struct AttentionResult {
  std::vector<double> out, log_sum_exp, dqkv;
  std::int64_t faults = 0;
};

class AttentionRun {
 public:
  AttentionRun(AttentionCase c, std::int64_t head_size, std::uint64_t seed)
      : c_(std::move(c)), head_size_(head_size), pattern_(c_.lists) {
    RandomValues random(seed);
    const auto rows = batch() * c_.tokens * c_.heads;
    for (std::int64_t i = 0; i < 3 * rows; ++i) {
      const bool is_value = i / c_.heads % 3 == 2;
      append(qkv_, random.normals(head_size_, is_value ? 1.0 : c_.amplitude));
    }
    append(dout_, random.normals(rows * head_size_));
  }
  std::int64_t batch() const { return static_cast<std::int64_t>(c_.lengths.size()); }
  double scale() const { return 1.0 / std::sqrt(static_cast<double>(head_size_)); }

  /// Double loops over the rounded inputs.
  AttentionResult reference() const {
    AttentionResult r;
    const std::vector<double> qkv = widen(qkv_), dout = widen(dout_);
    r.out.resize(dout.size());
    r.log_sum_exp.resize(static_cast<std::size_t>(batch() * c_.heads * c_.tokens));
    r.dqkv.resize(qkv.size());
    kernels::reference::block_attention_forward<double>(
        {batch(), c_.tokens, c_.heads, head_size_, scale(), pattern_.view(), c_.lengths.data(),
         qkv.data(), r.out.data(), r.log_sum_exp.data()});
    kernels::reference::block_attention_backward<double>(
        {batch(), c_.tokens, c_.heads, head_size_, scale(), pattern_.view(), c_.lengths.data(),
         qkv.data(), r.out.data(), r.log_sum_exp.data(), dout.data(), r.dqkv.data()});
    return r;
  }

  /// Everything beyond the lengths holds NaN, and so does every output before it is written.
  AttentionResult emulated() const {
    switch (head_size_) {
      case 32:
        return emulated<32>();
      case 64:
        return emulated<64>();
      default:
        return emulated<128>();
    }
  }

 private:
  static constexpr std::uint16_t kNaN = 0x7FFF;
  using Bf16s = std::vector<std::uint16_t>;

  static void append(Bf16s& to, const std::vector<double>& values) {
    for (const double v : values) to.push_back(to_bf16(static_cast<float>(v)));
  }
  static std::vector<double> widen(const Bf16s& from) {
    std::vector<double> to;
    for (const std::uint16_t v : from) to.push_back(from_bf16(v));
    return to;
  }
  /// A copy in which tokens beyond the length hold NaN. Tokens are `width` elements.
  Bf16s poisoned(Bf16s x, std::int64_t width) const {
    for (std::int64_t b = 0; b < batch(); ++b) {
      for (std::int64_t t = c_.lengths[static_cast<std::size_t>(b)]; t < c_.tokens; ++t) {
        std::fill_n(x.begin() + (b * c_.tokens + t) * width, width, kNaN);
      }
    }
    return x;
  }

  template <class Unit>
  void run_units(const kernels::cuda::AttentionView& a, AttentionResult& r) const {
    const auto places = static_cast<std::uint32_t>(kernels::cuda::places_per_unit(a));
    for (std::uint32_t i = 0; i < a.schedule.unit_count * places; ++i) {
      HostCta<4> cta(Unit::kSharedBytes);
      Unit::run(cta, a, i);
      r.faults += cta.faults();
    }
  }
  template <class Combine>
  static void for_each_split(const kernels::cuda::AttentionView& a, const Combine& combine) {
    const auto places = static_cast<std::uint32_t>(kernels::cuda::places_per_unit(a));
    for (std::uint32_t i = 0; i < a.schedule.split_count * places; ++i) {
      for (std::int32_t thread = 0; thread < kernels::cuda::kCombineThreads; ++thread) {
        combine(i, thread);
      }
    }
  }

  template <int kHead>
  AttentionResult emulated() const {
    using namespace kernels::cuda;
    AttentionResult r;
    const std::int64_t width = c_.heads * kHead;
    const Bf16s qkv = poisoned(qkv_, 3 * width), dout = poisoned(dout_, width);
    Bf16s out(dout.size(), kNaN), dqkv(qkv.size(), kNaN);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> lse(static_cast<std::size_t>(batch() * c_.heads * c_.tokens), nan);
    std::vector<float> delta(lse.size(), nan), partials;
    const SplitRule rule{16, c_.forced_parts};
    const Schedule rows = compile_schedule(pattern_.view(), Side::rows, rule);
    const Schedule columns = compile_schedule(pattern_.view(), Side::columns, rule);
    AttentionView a{static_cast<std::int32_t>(batch()),
                    static_cast<std::int32_t>(c_.tokens),
                    static_cast<std::int32_t>(c_.heads),
                    kBlock,
                    static_cast<float>(scale()),
                    {},
                    c_.lengths.data(),
                    qkv.data(),
                    out.data(),
                    lse.data(),
                    dout.data(),
                    delta.data(),
                    dqkv.data(),
                    nullptr};
    const auto begin_pass = [&](const Schedule& s, std::int64_t partial_size) {
      a.schedule = {s.items.data(),
                    s.units.data(),
                    s.splits.data(),
                    static_cast<std::int32_t>(s.units.size()),
                    static_cast<std::int32_t>(s.splits.size()),
                    s.slots,
                    static_cast<std::int32_t>(pattern_.heads)};
      partials.assign(static_cast<std::size_t>(batch() * c_.heads * s.slots * partial_size), nan);
      a.partials = partials.data();
    };
    const auto store = [](char* to, const ValuePair& pair) {
      const std::uint16_t both[2] = {to_bf16(pair.low), to_bf16(pair.high)};
      std::memcpy(to, both, 4);
    };
    begin_pass(rows, forward_partial_size(kBlock, kHead));
    run_units<ForwardUnit<HostCta<4>, kHead>>(a, r);
    for_each_split(a, [&](std::uint32_t i, int t) { combine_forward<kHead>(a, i, t, store); });
    begin_pass(rows, query_partial_size(kBlock, kHead));
    run_units<QueryGradientUnit<HostCta<4>, kHead>>(a, r);
    for_each_split(a, [&](std::uint32_t i, int t) {
      combine_gradients<kHead>(a, i, t, query_part<kHead>(a), store);
    });
    begin_pass(columns, key_partial_size(kBlock, kHead));
    run_units<KeyGradientUnit<HostCta<4>, kHead>>(a, r);
    for_each_split(a, [&](std::uint32_t i, int t) {
      combine_gradients<kHead>(a, i, t, key_part<kHead>(a), store);
      combine_gradients<kHead>(a, i, t, value_part<kHead>(), store);
    });
    r.out = widen(out);
    r.dqkv = widen(dqkv);
    r.log_sum_exp.assign(lse.begin(), lse.end());
    return r;
  }

  AttentionCase c_;
  std::int64_t head_size_;
  HostPattern pattern_;
  Bf16s qkv_, dout_;
};

}  // namespace dnabird::test
