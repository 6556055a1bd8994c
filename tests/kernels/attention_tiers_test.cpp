// Block attention of every instruction set that this processor has, in f32 and bf16, against the
// reference in double on the same (rounded) inputs.
#include <gtest/gtest.h>

#include <numeric>

#include "support/attention_tiers.h"
#include "support/compare.h"

namespace dnabird::test {
namespace {

/// Allowed |actual - expected| / |expected| of the Euclidean norms.
struct Allowed {
  double out, gradient, log_sum_exp;
};
Allowed allowed(AttentionElements elements) {
  return elements == AttentionElements::f32 ? Allowed{2e-6, 3e-6, 1e-6} : Allowed{5e-3, 1e-2, 1e-5};
}

struct Kind {
  const char* isa;
  AttentionElements elements;
};
std::string name_of(const ::testing::TestParamInfo<Kind>& info) {
  return std::string(info.param.isa) +
         (info.param.elements == AttentionElements::f32 ? "_f32" : "_bf16");
}

class AttentionTier : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    setenv("DNABIRD_ISA", GetParam().isa, 1);
    try {
      tier_ = &kernels::cpu::pick_tier();
    } catch (const std::invalid_argument& error) {
      why_not_ = error.what();
    }
    unsetenv("DNABIRD_ISA");
    if (!tier_) GTEST_SKIP() << why_not_;
  }

  AttentionCall call(const AttentionShape& s, const BlockLists& lists,
                     const std::vector<std::int32_t>& lengths) const {
    return attention_call(s, lists, lengths, GetParam().elements);
  }
  TierAttention kernels(int threads) const { return {*tier_, GetParam().elements, threads}; }

  static void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                          double most) {
    const RelativeError error = relative_error(actual, expected);
    EXPECT_LE(error.by_norm, most);
  }

  /// Both directions against the reference.
  void check(const AttentionCall& c) const { check(c, allowed(GetParam().elements)); }
  void check(AttentionCall c, const Allowed& most) const {
    const Arrays expected = reference_attention(c, true);
    TierAttention tier = kernels(1);
    poison(tier, c);
    const Arrays forward = tier.forward(c);
    expect_near(forward.at("out"), expected.at("out"), most.out);
    expect_near(forward.at("log_sum_exp"), expected.at("log_sum_exp"), most.log_sum_exp);
    c.out = rounded(expected.at("out"), GetParam().elements);
    c.log_sum_exp = rounded(expected.at("log_sum_exp"), AttentionElements::f32);
    expect_near(tier.backward(c).at("dqkv"), expected.at("dqkv"), most.gradient);
  }

  /// Leaves NaN in the memory that the kernels take for their scratch.
  static void poison(TierAttention& tier, AttentionCall c) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    c.qkv.assign(c.qkv.size(), nan);
    c.dout.assign(c.dout.size(), nan);
    c.out.assign(c.outputs(), nan);
    c.log_sum_exp.assign(c.rows(), nan);
    tier.forward(c);
    tier.backward(c);
  }

 private:
  const kernels::cpu::Tier* tier_ = nullptr;
  std::string why_not_;
};

BlockLists some_lists(std::int64_t heads, std::int64_t tokens, std::int64_t block_size) {
  RandomValues random(static_cast<std::uint64_t>(block_size + tokens));
  return random_lists(heads, blocks_of(tokens, block_size), block_size, random);
}

TEST_P(AttentionTier, every_head_size) {
  for (const std::int64_t head_size : {16, 20, 24, 32, 40, 48, 64, 80, 96, 128}) {
    for (const std::int64_t block_size : {16, 32, 64}) {
      SCOPED_TRACE("heads of " + std::to_string(head_size) + ", blocks of " +
                   std::to_string(block_size));
      const std::int64_t tokens = 2 * block_size + 11;
      check(call({2, tokens, 2, head_size}, some_lists(2, tokens, block_size),
                 {static_cast<std::int32_t>(tokens), static_cast<std::int32_t>(block_size + 3)}));
    }
  }
}

TEST_P(AttentionTier, lengths_of_every_residue) {
  for (const std::int64_t block_size : {16, 32, 64}) {
    SCOPED_TRACE("blocks of " + std::to_string(block_size));
    std::vector<std::int32_t> lengths(static_cast<std::size_t>(block_size));
    std::iota(lengths.begin(), lengths.end(), static_cast<std::int32_t>(block_size) + 1);
    lengths.push_back(1);
    lengths.push_back(0);
    const AttentionShape s{static_cast<std::int64_t>(lengths.size()), 2 * block_size, 1, 16};
    check(call(s, some_lists(1, s.tokens, block_size), lengths));
    check(call(s, dense_lists(2, block_size), lengths));
  }
}

TEST_P(AttentionTier, sizes_that_fill_no_vector) {
  for (const auto& [block_size, head_size] :
       {std::pair{4, 4}, {5, 8}, {7, 7}, {10, 6}, {20, 18}, {33, 31}, {100, 12}}) {
    SCOPED_TRACE("heads of " + std::to_string(head_size) + ", blocks of " +
                 std::to_string(block_size));
    const std::int64_t tokens = 4 * block_size - 1;
    check(call({2, tokens, 2, head_size}, some_lists(2, tokens, block_size),
               {static_cast<std::int32_t>(tokens), static_cast<std::int32_t>(2 * block_size - 2)}));
  }
}

/// More keys than a tile of scores takes, and runs of multiplicities in between.
TEST_P(AttentionTier, long_lists) {
  for (const std::int64_t block_size : {16, 64}) {
    SCOPED_TRACE("blocks of " + std::to_string(block_size));
    const std::int64_t tokens = 700;
    BlockLists lists = dense_lists(blocks_of(tokens, block_size), block_size);
    for (auto& row : lists.keys[0]) row[3] = row[7] = 4;
    check(call({1, tokens, 1, 16}, lists, {690}));
  }
}

/// The largest score comes last: what was summed before shrinks to nothing.
TEST_P(AttentionTier, scores_that_grow_along_the_list) {
  const std::int64_t tokens = 1100;
  AttentionCall c = call({1, tokens, 1, 16}, dense_lists(blocks_of(tokens, 16), 16), {1100});
  for (std::size_t t = 0; t < 1100; ++t) {
    for (std::size_t d = 0; d < 16; ++d) {
      c.qkv[t * 48 + d] = 0.5;
      c.qkv[t * 48 + 16 + d] = static_cast<double>(t / 100);
    }
  }
  c.qkv = rounded(c.qkv, GetParam().elements);
  Allowed most = allowed(GetParam().elements);
  // The ds of a row add up to 0 but for the rounding of out, which delta has: times keys that are
  // alike, it outweighs what is left of dq.
  if (GetParam().elements == AttentionElements::bf16) most.gradient = 4e-2;
  check(c, most);
}

TEST_P(AttentionTier, empty_rows_are_zero_and_infinite) {
  // Block 1 reads nothing; block 2 reads block 3 alone, which lies beyond the length.
  for (const std::int64_t block_size : {16, 64}) {
    const BlockLists lists{4, block_size, {{{{0, 1}, {2, 1}}, {}, {{3, 1}}, {{0, 1}}}}};
    const std::int64_t tokens = 4 * block_size, length = 2 * block_size + 9;
    AttentionCall c = call({1, tokens, 1, 16}, lists, {static_cast<std::int32_t>(length)});
    TierAttention tier = kernels(1);
    const Arrays forward = tier.forward(c);
    c.out = forward.at("out");
    c.log_sum_exp = forward.at("log_sum_exp");
    const Arrays backward = tier.backward(c);
    for (std::int64_t i = 0; i < tokens; ++i) {
      SCOPED_TRACE("token " + std::to_string(i) + ", blocks of " + std::to_string(block_size));
      const bool attends = i < block_size;
      const bool attended = attends || (i >= 2 * block_size && i < length);
      const auto token = static_cast<std::size_t>(i);
      EXPECT_EQ(c.log_sum_exp[token] == std::numeric_limits<double>::infinity(), !attends);
      for (std::size_t d = 0; d < 16; ++d) {
        EXPECT_EQ(c.out[token * 16 + d] != 0.0, attends);
        const double* gradient = backward.at("dqkv").data() + token * 48 + d;
        EXPECT_EQ(gradient[0] != 0.0, attends) << "query";
        EXPECT_EQ(gradient[16] != 0.0, attended) << "key";
        EXPECT_EQ(gradient[32] != 0.0, attended) << "value";
      }
    }
  }
}

/// One thread takes whole heads, more threads than heads take blocks of queries and of keys.
TEST_P(AttentionTier, same_bytes_for_any_number_of_threads) {
  for (const std::int64_t block_size : {16, 64}) {
    for (const std::int64_t head_size : {16, 40}) {
      const std::int64_t tokens = 10 * block_size + 5;
      AttentionCall c = call({1, tokens, 3, head_size}, some_lists(3, tokens, block_size),
                             {static_cast<std::int32_t>(tokens - 2)});
      const Arrays forward = kernels(1).forward(c);
      c.out = forward.at("out");
      c.log_sum_exp = forward.at("log_sum_exp");
      const Arrays backward = kernels(1).backward(c);
      for (const int threads : {2, 3, 4, 16}) {
        SCOPED_TRACE(std::to_string(threads) + " threads, blocks of " + std::to_string(block_size) +
                     ", heads of " + std::to_string(head_size));
        EXPECT_TRUE(same_bits(kernels(threads).forward(c).at("out"), forward.at("out")));
        EXPECT_TRUE(same_bits(kernels(threads).backward(c).at("dqkv"), backward.at("dqkv")));
      }
    }
  }
}

/// A sequence does not feel the others of its batch, nor their length.
TEST_P(AttentionTier, same_bytes_in_any_batch) {
  const BlockLists longer = dense_lists(12, 64);
  const AttentionCall both = call({2, 740, 2, 32}, longer, {300, 740});
  AttentionCall alone = call({1, 300, 2, 32}, dense_lists(5, 64), {300});
  alone.qkv.assign(both.qkv.begin(), both.qkv.begin() + 300 * 3 * 2 * 32);
  const Arrays together = kernels(1).forward(both), by_itself = kernels(1).forward(alone);
  const std::vector<double>& out = together.at("out");
  EXPECT_TRUE(same_bits(by_itself.at("out"), std::span(out).first(300 * 2 * 32)));
}

INSTANTIATE_TEST_SUITE_P(Kernels, AttentionTier,
                         ::testing::Values(Kind{"baseline", AttentionElements::f32},
                                           Kind{"avx2", AttentionElements::f32},
                                           Kind{"avx512", AttentionElements::f32},
                                           Kind{"avx512_bf16", AttentionElements::f32},
                                           Kind{"baseline", AttentionElements::bf16},
                                           Kind{"avx2", AttentionElements::bf16},
                                           Kind{"avx512", AttentionElements::bf16},
                                           Kind{"avx512_bf16", AttentionElements::bf16}),
                         name_of);

}  // namespace
}  // namespace dnabird::test
