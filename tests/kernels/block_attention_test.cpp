// Block attention against dense softmax attention written another way, and what it does at its
// edges.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/attention_op_calls.h"
#include "support/compare.h"
#include "support/device_test.h"

namespace dnabird::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The keys of a query, one by one: a block of multiplicity m comes m times.
std::vector<std::int64_t> literal_keys(const BlockLists& lists, std::int64_t head,
                                       std::int64_t query, std::int64_t length) {
  std::vector<std::int64_t> keys;
  const auto& rows = lists.keys[lists.keys.size() == 1 ? 0 : static_cast<std::size_t>(head)];
  for (const auto& [block, multiplicity] :
       rows[static_cast<std::size_t>(query / lists.block_size)]) {
    for (std::int32_t copy = 0; copy < multiplicity; ++copy) {
      for (std::int64_t j = 0; j < lists.block_size; ++j) {
        const std::int64_t key = block * lists.block_size + j;
        if (key < length) keys.push_back(key);
      }
    }
  }
  return keys;
}

/// out and log-sum-exp as sums of plain exponentials over literal keys, nothing subtracted.
Arrays dense_softmax(const AttentionShape& s, const BlockLists& lists, const Op& op) {
  const std::vector<double>& qkv = op.inputs.at("qkv");
  const auto value = [&](std::int64_t b, std::int64_t t, std::int64_t part, std::int64_t h,
                         std::int64_t d) {
    std::int64_t index = b;
    index = index * s.tokens + t;
    index = index * 3 + part;
    index = index * s.heads + h;
    return qkv[static_cast<std::size_t>(index * s.head_size + d)];
  };
  Arrays result;
  result["y"].assign(static_cast<std::size_t>(s.batch * s.tokens * s.heads * s.head_size), 0.0);
  for (std::int64_t b = 0; b < s.batch; ++b) {
    const std::int64_t length = op.indices.at("lengths")[static_cast<std::size_t>(b)];
    for (std::int64_t h = 0; h < s.heads; ++h) {
      for (std::int64_t i = 0; i < s.tokens; ++i) {
        double total = 0;
        std::vector<double> weighted(static_cast<std::size_t>(s.head_size), 0.0);
        const auto keys =
            i < length ? literal_keys(lists, h, i, length) : std::vector<std::int64_t>{};
        for (const std::int64_t j : keys) {
          double score = 0;
          for (std::int64_t d = 0; d < s.head_size; ++d) {
            score += value(b, i, 0, h, d) * value(b, j, 1, h, d);
          }
          const double weight = std::exp(score / std::sqrt(static_cast<double>(s.head_size)));
          total += weight;
          for (std::int64_t d = 0; d < s.head_size; ++d) {
            weighted[static_cast<std::size_t>(d)] += weight * value(b, j, 2, h, d);
          }
        }
        result["log_sum_exp"].push_back(keys.empty() ? kInfinity : std::log(total));
        for (std::int64_t d = 0; d < s.head_size && !keys.empty(); ++d) {
          const std::int64_t index = ((b * s.tokens + i) * s.heads + h) * s.head_size + d;
          result["y"][static_cast<std::size_t>(index)] =
              weighted[static_cast<std::size_t>(d)] / total;
        }
      }
    }
  }
  return result;
}

struct Layout {
  AttentionShape shape;
  std::int64_t block_size;
  Lists kind;
  std::vector<std::int32_t> lengths;
};

std::vector<Layout> layouts() {
  return {{{1, 12, 1, 4}, 4, Lists::dense, {12}},
          {{2, 37, 2, 8}, 8, Lists::dense, {37, 20}},
          {{3, 50, 2, 8}, 8, Lists::shared, {50, 0, 33}},
          {{3, 101, 3, 16}, 16, Lists::per_head, {101, 17, 96}}};
}

BlockLists lists_of(const Layout& layout) {
  RandomValues random(77);
  const std::int64_t blocks = blocks_of(layout.shape.tokens, layout.block_size);
  if (layout.kind == Lists::dense) return dense_lists(blocks, layout.block_size);
  const std::int64_t lists = layout.kind == Lists::shared ? 1 : layout.shape.heads;
  return random_lists(lists, blocks, layout.block_size, random);
}

TEST(BlockAttention, reference_equals_dense_softmax_over_literally_repeated_keys) {
  const auto kernels = kernels::make_kernel_set("reference", kernels::DType::f64, 1);
  for (const Layout& layout : layouts()) {
    const BlockLists lists = lists_of(layout);
    const Op op = attention_op(layout.shape, lists, layout.lengths);
    const Arrays expected = dense_softmax(layout.shape, lists, op);
    const Arrays actual = op.forward(*kernels, op, 0);
    EXPECT_TRUE(close(actual.at("y"), expected.at("y"), 1e-12)) << op.name;
    EXPECT_TRUE(close(actual.at("log_sum_exp"), expected.at("log_sum_exp"), 1e-12)) << op.name;
  }
}

class DeviceAttention : public DeviceTest {};

TEST_P(DeviceAttention, equals_dense_softmax_over_literally_repeated_keys) {
  for (const Layout& layout : layouts()) {
    const BlockLists lists = lists_of(layout);
    const Op op = attention_op(layout.shape, lists, layout.lengths);
    const Arrays expected = dense_softmax(layout.shape, lists, op);
    const Arrays actual = op.forward(*kernels_, op, 0);
    EXPECT_TRUE(close(actual.at("y"), expected.at("y"), 1e-5)) << op.name;
    EXPECT_TRUE(close(actual.at("log_sum_exp"), expected.at("log_sum_exp"), 1e-5)) << op.name;
  }
}

/// Scores of some hundreds: exp of them is infinite in float and nearly so in double.
TEST_P(DeviceAttention, survives_scores_whose_exponential_overflows) {
  const auto reference = kernels::make_kernel_set("reference", kernels::DType::f64, 1);
  Op op = attention_op({1, 40, 2, 16}, 16, Lists::shared, {35});
  for (double& x : op.inputs.at("qkv")) x *= 8.0;
  const Arrays expected = op.forward(*reference, op, 0);
  const Arrays actual = op.forward(*kernels_, op, 0);
  // A score of 300 has a rounding error of 3e-5 in float, which exp passes on.
  EXPECT_TRUE(close(actual.at("y"), expected.at("y"), 1e-3));
  EXPECT_TRUE(close(actual.at("log_sum_exp"), expected.at("log_sum_exp"), 1e-5));
  const Arrays gradients = op.backward(*kernels_, op, actual, {});
  EXPECT_TRUE(
      close(gradients.at("qkv"), op.backward(*reference, op, expected, {}).at("qkv"), 1e-3));
}

TEST_P(DeviceAttention, gives_zero_and_infinity_without_keys_and_beyond_the_length) {
  // Block 1 reads nothing; block 2 reads block 3 alone, which lies beyond the length.
  BlockLists lists{4, 16, {{{{0, 1}, {2, 1}}, {}, {{3, 1}}, {{0, 1}}}}};
  const Op op = attention_op({1, 64, 1, 16}, lists, {40});
  const Arrays forward = op.forward(*kernels_, op, 0);
  const Arrays backward = op.backward(*kernels_, op, forward, {});
  for (std::size_t i = 0; i < 64; ++i) {
    SCOPED_TRACE("token " + std::to_string(i));
    const bool attends = i < 16, attended = i < 16 || (i >= 32 && i < 40);
    EXPECT_EQ(std::isinf(forward.at("log_sum_exp")[i]), !attends);
    for (std::size_t d = 0; d < 16; ++d) {
      EXPECT_EQ(forward.at("y")[i * 16 + d] != 0.0, attends);
      const double* gradient = backward.at("qkv").data() + i * 3 * 16 + d;
      EXPECT_EQ(gradient[0] != 0.0, attends) << "query";
      EXPECT_EQ(gradient[16] != 0.0, attended) << "key";
      EXPECT_EQ(gradient[32] != 0.0, attended) << "value";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, DeviceAttention, kDevices,
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dnabird::test
