#include "model/token_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/device.h"

namespace dnabird::model {
namespace {

using ::testing::ElementsAre;
using Sequences = std::vector<std::vector<std::int32_t>>;

class TokenBatchTest : public ::testing::Test {
 protected:
  std::unique_ptr<core::KernelSet> kernels_ = core::open_reference();
};

TEST_F(TokenBatchTest, PadsToTheLongest) {
  const TokenBatch batch = make_token_batch(*kernels_, Sequences{{2, 7, 3}, {2, 9, 20, 3}}, 16);
  EXPECT_EQ(batch.batch, 2);
  EXPECT_EQ(batch.tokens, 4);
  EXPECT_EQ(batch.largest_id, 20);
  EXPECT_EQ(batch.ids.shape(), (core::Shape{2, 4}));
  EXPECT_THAT(batch.ids.to_ints(), ElementsAre(2, 7, 3, 0, 2, 9, 20, 3));
  EXPECT_THAT(batch.lengths.to_ints(), ElementsAre(3, 4));
}

TEST_F(TokenBatchTest, SpansOneNumberOfBlocks) {
  const auto of = [](std::initializer_list<std::size_t> lengths) {
    Sequences sequences;
    for (const std::size_t length : lengths) sequences.emplace_back(length, 5);
    return sequences;
  };
  EXPECT_NO_THROW(make_token_batch(*kernels_, of({17, 32}), 16));
  EXPECT_THROW(make_token_batch(*kernels_, of({16, 17}), 16), std::logic_error);
  EXPECT_THROW(make_token_batch(*kernels_, of({33, 32}), 16), std::logic_error);
  EXPECT_NO_THROW(make_token_batch(*kernels_, of({16, 17}), 32));
}

TEST_F(TokenBatchTest, RefusesNothingAndNegativeIds) {
  EXPECT_THROW(make_token_batch(*kernels_, Sequences{}, 16), std::logic_error);
  EXPECT_THROW(make_token_batch(*kernels_, Sequences{{2, 3}, {}}, 16), std::logic_error);
  EXPECT_THROW(make_token_batch(*kernels_, Sequences{{2, -1, 3}}, 16), std::logic_error);
}

TEST(GroupByBlocks, KeepsTheOrderWithinAGroup) {
  Sequences sequences;
  for (const std::size_t length : {40, 3, 16, 33, 17, 1}) sequences.emplace_back(length, 5);
  const auto groups = group_by_blocks(sequences, 16);
  EXPECT_THAT(groups, ElementsAre(ElementsAre(1, 2, 5), ElementsAre(4), ElementsAre(0, 3)));
  EXPECT_TRUE(group_by_blocks({}, 16).empty());
}

}  // namespace
}  // namespace dnabird::model
