// Tables of transformers (tests/data/parity) and by hand.
#include "model/hf_random_blocks.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "io/json_file.h"
#include "io/safetensors.h"
#include "model/model_config.h"
#include "support/errors.h"
#include "support/test_data.h"

namespace dnabird::model {
namespace {

using support::throws_data_error;

struct Table {
  const char *folder, *name;
  std::int64_t tokens;
};

/// Every table of a training pass there: plans of the paper's lengths and of others.
class HfTrainBlocks : public testing::TestWithParam<Table> {};

TEST_P(HfTrainBlocks, EqualThoseOfTheOtherLibrary) {
  const auto& [folder, name, tokens] = GetParam();
  const std::string path = support::test_data_folder() + "/parity/" + folder + "/";
  const ModelConfig config = config_from_json(io::read_json(path + "config.json"));
  const io::HostTensor table = io::read_safetensors(path + "cases.safetensors")
                                   .tensors.at(std::string(name) + ".random_blocks");
  const std::int64_t blocks = (tokens + config.block_size - 1) / config.block_size;
  ASSERT_EQ(table.shape, (std::vector<std::int64_t>{config.layers, config.heads, blocks - 2,
                                                    config.random_blocks}));
  std::vector<std::int32_t> drawn;
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const RandomSlots slots = hf_train_blocks(
        {config.heads, blocks, config.block_size, config.random_blocks, config.positions, layer});
    for (const auto& rows : slots) {
      for (const auto& row : rows) drawn.insert(drawn.end(), row.begin(), row.end());
    }
  }
  EXPECT_EQ(drawn, table.ints());
}

INSTANTIATE_TEST_SUITE_P(Parity, HfTrainBlocks,
                         testing::Values(Table{"bigbird_k3_block16", "sparse_train", 256},
                                         Table{"bigbird_k3_block16", "sparse_train_padded", 320},
                                         Table{"bigbird_k3_block16", "sparse_max", 512},
                                         Table{"bigbird_k6_block64", "train_1024", 1024},
                                         Table{"bigbird_k6_block64", "train_1984", 1984}),
                         [](const auto& table) { return std::string(table.param.name); });

/// What can be said of any row of the longer plans without that library: of 3,072 and 4,096 tokens
/// the rows are the first of one plan, and lie within the first 1,024 tokens.
TEST(HfTrainBlocks, OfTheLongPlansAreTheFirstRowsOfOne) {
  const RandomSlots whole = hf_train_blocks({12, 64, 64, 3, 4096, 5});
  const RandomSlots part = hf_train_blocks({12, 48, 64, 3, 4096, 5});
  const RandomSlots least = hf_train_blocks({12, 16, 64, 3, 4096, 5});
  ASSERT_EQ(whole.size(), 12u);
  for (std::size_t head = 0; head < 12; ++head) {
    ASSERT_EQ(whole[head].size(), 62u);
    ASSERT_EQ(part[head].size(), 46u);
    ASSERT_EQ(least[head].size(), 14u);
    for (std::size_t i = 0; i < 62; ++i) {
      const std::vector<std::int32_t>& row = whole[head][i];
      const auto own = static_cast<std::int32_t>(i) + 1;
      EXPECT_EQ(std::set<std::int32_t>(row.begin(), row.end()).size(), 3u) << "no repetition";
      for (const std::int32_t block : row) {
        EXPECT_GE(block, 1);
        EXPECT_LE(block, 15);
        EXPECT_NE(block, own);
      }
      if (i < 46) {
        EXPECT_EQ(part[head][i], row);
      }
      if (i < 14) {
        EXPECT_EQ(least[head][i], row);
      }
    }
  }
  EXPECT_NE(whole, hf_train_blocks({12, 64, 64, 3, 4096, 6})) << "a table for each layer";
  EXPECT_NE(whole[0], whole[1]) << "and each head";
}

TEST(HfTrainBlocks, OfOtherLengthsLieInFrontAndBesideTheWindow) {
  const RandomSlots slots = hf_train_blocks({4, 32, 64, 3, 4096, 0});  // 2,048 tokens
  for (const auto& rows : slots) {
    ASSERT_EQ(rows.size(), 30u);
    for (std::int32_t i = 0; i < 30; ++i) {
      for (const std::int32_t block : rows[static_cast<std::size_t>(i)]) {
        EXPECT_TRUE(block >= 1 && block <= 9) << block;
        EXPECT_GT(std::abs(block - (i + 1)), 1);
      }
    }
  }
}

TEST(HfTrainBlocks, RefuseRowsWithTooFewBlocksToChooseFrom) {
  EXPECT_THAT(
      [] {
        hf_train_blocks({2, 64, 64, 14, 4096, 0});
      },
      throws_data_error("query block 1 of 64", "13", "at least 14"));
  EXPECT_EQ(hf_train_blocks({2, 6, 64, 0, 4096, 0}),
            RandomSlots(2, std::vector<std::vector<std::int32_t>>(4)));
}

TEST(SlotsPattern, CountsABlockOncePerSlot) {
  const BlockPattern p = slots_pattern(hf_eval_blocks(12, 3), 16);
  EXPECT_EQ(p.heads, 1);
  ASSERT_EQ(p.blocks, 12);
  const auto row = [&](std::int64_t i) {
    std::vector<std::pair<std::int32_t, std::int32_t>> listed;
    for (std::int32_t at = p.row_begin[i]; at < p.row_begin[i + 1]; ++at) {
      listed.emplace_back(p.key_block[at], p.row_multiplicity[at]);
    }
    return listed;
  };
  using Listed = std::vector<std::pair<std::int32_t, std::int32_t>>;
  EXPECT_EQ(row(0).size(), 12u);
  EXPECT_EQ(row(0)[0].second, 1);
  EXPECT_EQ(row(11).size(), 12u);
  EXPECT_EQ(row(1), (Listed{{0, 4}, {1, 1}, {2, 1}, {11, 1}}));
  EXPECT_EQ(row(5), (Listed{{0, 4}, {4, 1}, {5, 1}, {6, 1}, {11, 1}}));
  EXPECT_EQ(row(10), (Listed{{0, 4}, {9, 1}, {10, 1}, {11, 1}}));
}

}  // namespace
}  // namespace dnabird::model
