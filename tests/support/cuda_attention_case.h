// One case of block attention: inputs rounded to the type of the kernels, the double reference on
// these, and buffers for the algorithms of the CUDA kernels, which emulated warps run on the host.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "kernels/cuda/attention/combine.h"
#include "kernels/cuda/attention/view.h"
#include "kernels/reference/block_attention.h"
#include "support/cuda_host_warp.h"
#include "support/cuda_patterns.h"

namespace dnabird::test {

struct AttentionCase {
  std::int64_t tokens, heads;
  std::vector<std::int32_t> lengths;
  BlockLists lists;
  std::int32_t forced_parts = 0;
  double amplitude = 1.0;                                     // of queries and keys
  double padding = std::numeric_limits<double>::quiet_NaN();  // what inputs beyond the lengths hold
};

struct AttentionResult {
  std::vector<double> out, log_sum_exp, dqkv;
  std::int64_t faults = 0;
};

enum class Stored { bf16, f32 };

struct AttentionInputs {
  AttentionInputs(AttentionCase which, std::int64_t head_size, std::uint64_t seed, Stored stored)
      : c(std::move(which)), head_size(head_size), pattern(c.lists) {
    RandomValues random(seed);
    const auto rows = batch() * c.tokens * c.heads;
    const auto append = [&](std::vector<double>& to, const std::vector<double>& values) {
      for (const double v : values) {
        to.push_back(stored == Stored::f32 ? v : from_bf16(to_bf16(static_cast<float>(v))));
      }
    };
    for (std::int64_t i = 0; i < 3 * rows; ++i) {
      append(qkv, random.normals(head_size, i / c.heads % 3 == 2 ? 1.0 : c.amplitude));
    }
    append(dout, random.normals(rows * head_size));
  }
  std::int64_t batch() const { return static_cast<std::int64_t>(c.lengths.size()); }
  std::int64_t rows() const { return batch() * c.heads * c.tokens; }
  double scale() const { return 1.0 / std::sqrt(static_cast<double>(head_size)); }

  AttentionResult reference() const {
    AttentionResult r;
    r.out.resize(dout.size());
    r.log_sum_exp.resize(static_cast<std::size_t>(rows()));
    r.dqkv.resize(qkv.size());
    kernels::reference::block_attention_forward<double>(
        {batch(), c.tokens, c.heads, head_size, scale(), pattern.view(), c.lengths.data(),
         qkv.data(), r.out.data(), r.log_sum_exp.data()});
    kernels::reference::block_attention_backward<double>(
        {batch(), c.tokens, c.heads, head_size, scale(), pattern.view(), c.lengths.data(),
         qkv.data(), r.out.data(), r.log_sum_exp.data(), dout.data(), r.dqkv.data()});
    return r;
  }

  AttentionCase c;
  std::int64_t head_size;
  HostPattern pattern;
  std::vector<double> qkv, dout;
};

/// T is float, or std::uint16_t for bf16. Outputs hold NaN before they are written.
template <class T>
class AttentionBuffers {
 public:
  explicit AttentionBuffers(const AttentionInputs& in)
      : in_(in),
        qkv_(poisoned(in.qkv, 3 * in.c.heads * in.head_size)),
        dout_(poisoned(in.dout, in.c.heads * in.head_size)),
        out_(dout_.size(), nan()),
        dqkv_(qkv_.size(), nan()),
        lse_(static_cast<std::size_t>(in.rows()), std::numeric_limits<float>::quiet_NaN()),
        delta_(lse_) {}

  /// The view of a pass in blocks of that size, with room for its partial results.
  kernels::cuda::AttentionView view(const kernels::cuda::Schedule& s, std::int64_t block_size,
                                    std::int64_t partial_size) {
    partials_.assign(static_cast<std::size_t>(in_.batch() * in_.c.heads * s.slots * partial_size),
                     std::numeric_limits<float>::quiet_NaN());
    return {static_cast<std::int32_t>(in_.batch()),
            static_cast<std::int32_t>(in_.c.tokens),
            static_cast<std::int32_t>(in_.c.heads),
            static_cast<std::int32_t>(block_size),
            static_cast<std::int32_t>(in_.head_size),
            static_cast<float>(in_.scale()),
            {s.items.data(), s.granules.empty() ? nullptr : s.granules.data(), s.units.data(),
             s.splits.data(), static_cast<std::int32_t>(s.units.size()),
             static_cast<std::int32_t>(s.splits.size()), s.slots, s.pattern_heads},
            in_.c.lengths.data(),
            qkv_.data(),
            out_.data(),
            lse_.data(),
            dout_.data(),
            delta_.data(),
            dqkv_.data(),
            partials_.data()};
  }
  AttentionResult result() const {
    return {widen(out_), std::vector<double>(lse_.begin(), lse_.end()), widen(dqkv_), 0};
  }

 private:
  static T narrow(double x) {
    if constexpr (std::is_same_v<T, float>) return static_cast<float>(x);
    return static_cast<T>(to_bf16(static_cast<float>(x)));
  }
  static T nan() { return narrow(std::numeric_limits<double>::quiet_NaN()); }
  static std::vector<double> widen(const std::vector<T>& from) {
    std::vector<double> to;
    for (const T v : from) {
      if constexpr (std::is_same_v<T, float>) {
        to.push_back(v);
      } else {
        to.push_back(from_bf16(v));
      }
    }
    return to;
  }
  std::vector<T> poisoned(const std::vector<double>& x, std::int64_t width) const {
    std::vector<T> to;
    for (const double v : x) to.push_back(narrow(v));
    for (std::int64_t b = 0; b < in_.batch(); ++b) {
      for (std::int64_t t = in_.c.lengths[static_cast<std::size_t>(b)]; t < in_.c.tokens; ++t) {
        std::fill_n(to.begin() + (b * in_.c.tokens + t) * width, width, narrow(in_.c.padding));
      }
    }
    return to;
  }

  const AttentionInputs& in_;
  std::vector<T> qkv_, dout_, out_, dqkv_;
  std::vector<float> lse_, delta_, partials_;
};

/// Runs every thread of the combining kernel of a pass.
template <int kHead, class Combine>
void for_each_split(const kernels::cuda::AttentionView& a, const Combine& combine) {
  const auto places = static_cast<std::uint32_t>(kernels::cuda::places_per_unit(a));
  for (std::uint32_t i = 0; i < a.schedule.split_count * places; ++i) {
    for (std::int32_t thread = 0; thread < kernels::cuda::kCombineThreads<kHead>; ++thread) {
      combine(i, thread);
    }
  }
}

/// Writes two f32 as bf16, as the combining kernels do.
inline void store_pair(char* to, const kernels::cuda::ValuePair& pair) {
  const std::uint16_t both[2] = {to_bf16(pair.low), to_bf16(pair.high)};
  std::memcpy(to, both, 4);
}

}  // namespace dnabird::test
