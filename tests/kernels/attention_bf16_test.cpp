// Block attention in bf16 at the sizes of models: against the reference in double on the same bf16
// numbers, outputs full of NaN before each call.
#include <gtest/gtest.h>

#include "kernels/bf16.h"
#include "support/attention_op_calls.h"
#include "support/compare.h"
#include "support/cuda_patterns.h"
#include "support/device_test.h"

namespace dnabird::test {
namespace {

using Values = std::vector<double>;

constexpr double kOutputs = 5e-3, kGradients = 1e-2;  // by norm

/// Query, key or value of every token.
Values part_of(const Values& qkv, std::int64_t width, int part) {
  Values values;
  for (std::size_t i = 0; i < qkv.size(); ++i) {
    if (static_cast<std::int64_t>(i) / width % 3 == part) values.push_back(qkv[i]);
  }
  return values;
}

class AttentionInBf16 : public DeviceTest {
 protected:
  bool on_cuda() const { return kernels_->name().starts_with("cuda"); }

  void compare(const AttentionShape& s, const BlockLists& lists,
               const std::vector<std::int32_t>& lengths) {
    Op op = attention_op(s, lists, lengths);
    SCOPED_TRACE(op.name);
    for (auto& [name, values] : op.inputs) {
      for (double& value : values) {
        kernels::Bf16 rounded;
        kernels::assign(rounded, static_cast<float>(value));
        value = kernels::to_float(rounded);
      }
    }
    const Arrays expected = op.forward(*reference_, op, 0), actual = op.forward(*kernels_, op, 0);
    EXPECT_LE(relative_error(actual.at("y"), expected.at("y")).by_norm, kOutputs);
    EXPECT_LE(relative_error(actual.at("log_sum_exp"), expected.at("log_sum_exp")).by_norm, 1e-4);
    const Values dqkv = op.backward(*kernels_, op, actual, {}).at("qkv");
    const Values right = op.backward(*reference_, op, expected, {}).at("qkv");
    for (int part = 0; part < 3; ++part) {
      const std::int64_t width = s.heads * s.head_size;
      const double error =
          relative_error(part_of(dqkv, width, part), part_of(right, width, part)).by_norm;
      EXPECT_LE(error, kGradients) << "gradient of part " << part;
    }
    EXPECT_TRUE(same_bits(op.forward(*kernels_, op, 0).at("y"), actual.at("y"))) << "again";
    EXPECT_TRUE(same_bits(op.backward(*kernels_, op, actual, {}).at("qkv"), dqkv)) << "again";
  }

  std::unique_ptr<kernels::KernelSet> reference_ =
      kernels::make_kernel_set("reference", kernels::DType::f64, 1);
};

TEST_P(AttentionInBf16, HeadsAndLengthsOfEveryKind) {
  for (const std::int64_t head_size : {32, 64, 128}) {
    RandomValues random(11);
    compare({5, 320, 2, head_size}, bird_lists(2, 5, 64, random), {320, 257, 273, 319, 0});
    compare({2, 310, 2, head_size}, bird_lists(1, 5, 64, random), {310, 200});
  }
}

TEST_P(AttentionInBf16, OneBlock) {
  for (const std::int64_t tokens : {17, 63, 64}) {
    compare({3, tokens, 1, 64}, dense_lists(1, 64), {static_cast<std::int32_t>(tokens), 1, 0});
  }
}

/// Of 40 blocks the first and last row read so many that they are split.
TEST_P(AttentionInBf16, LongRowsAndColumns) {
  RandomValues random(12);
  compare({1, 2560, 1, 64}, bird_lists(1, 40, 64, random), {2560});
  compare({1, 2560, 1, 64}, bird_lists(1, 40, 64, random), {2063});
}

TEST_P(AttentionInBf16, MultiplicitiesToFour) {
  BlockLists lists{6, 64, {{}}};
  for (std::int32_t row = 0; row < 6; ++row) {
    std::map<std::int32_t, std::int32_t> keys;
    for (std::int32_t key = 0; key < 6; ++key) keys[key] = 1 + (row + key) % 4;
    lists.keys[0].push_back(keys);
  }
  compare({2, 384, 2, 64}, lists, {384, 350});
}

TEST_P(AttentionInBf16, SmallerBlocks) {
  for (const std::int64_t block_size : {16, 32}) {
    RandomValues random(13);
    const std::int64_t blocks = 500 / block_size + 1;
    compare({2, 500, 2, 32}, bird_lists(2, blocks, block_size, random), {500, 401});
    compare({1, 500, 1, 64}, bird_lists(1, blocks, block_size, random), {500});
  }
}

/// A row and a column that every block meets, and little else.
TEST_P(AttentionInBf16, ManyBlocks) {
  const std::int32_t blocks = on_cuda() ? 1024 : 128;
  BlockLists lists{blocks, 64, {{}}};
  for (std::int32_t row = 0; row < blocks; ++row) {
    std::map<std::int32_t, std::int32_t> keys{{0, 1}, {row, 1}};
    for (std::int32_t key = 0; row == 0 && key < blocks; ++key) keys[key] = 1;
    lists.keys[0].push_back(keys);
  }
  compare({1, 64 * blocks, 1, 32}, lists, {64 * blocks - 63});
}

INSTANTIATE_TEST_SUITE_P(Kernels, AttentionInBf16, kDevicesInBf16,
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dnabird::test
