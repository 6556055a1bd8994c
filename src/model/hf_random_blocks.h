// The random blocks that transformers' BigBird uses, for models of that library.
// Source: transformers, models/big_bird/modeling_big_bird.py, which follows
// google-research/bigbird.
#pragma once

#include <cstdint>

#include "model/block_pattern.h"

namespace dnabird::model {

/// In evaluation its table stays zero: every random slot names block 0. One list for all heads.
RandomSlots hf_eval_blocks(std::int64_t blocks, std::int64_t random_blocks);

struct HfTrainOptions {
  std::int64_t heads, blocks, block_size, random_blocks;
  std::int64_t positions;  // max_position_embeddings
  std::int64_t layer;      // the seed
};

/// In training it is drawn anew for each pass, always the same: from numpy's legacy generator with
/// the layer's number as its seed. Inputs of 1,024, 3,072 and 4,096 tokens use the first rows of a
/// plan for all positions, in which the blocks lie within the first 1,024 tokens; those of any
/// other length draw from the first 5 + 2r blocks. Throws DataError if a row has fewer blocks to
/// choose from than slots, where that library fails too.
RandomSlots hf_train_blocks(const HfTrainOptions& options);

}  // namespace dnabird::model
