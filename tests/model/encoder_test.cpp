// What the encoder promises beyond its gradients: sequences do not see each other or their padding,
// short inputs are dense, dropout is a function of seed and step.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/device.h"
#include "support/compare.h"
#include "support/errors.h"
#include "support/training_case.h"

namespace dnabird::test {
namespace {

using model::HeadTask;
using support::throws_data_error;
using Sequences = std::vector<std::vector<std::int32_t>>;

model::ModelConfig encoder_config(std::int64_t block_size = 16) {
  model::ModelConfig config = small_config(HeadTask::classification, kernels::Gelu::tanh);
  config.channels = 32;
  config.heads = 4;
  config.feed_forward = 64;
  config.positions = 400;
  config.block_size = block_size;
  return config;
}

Sequences random_sequences(const std::vector<std::int64_t>& lengths, std::uint64_t seed = 3) {
  RandomValues random(seed);
  Sequences sequences;
  for (const std::int64_t length : lengths) sequences.push_back(random.integers(length, 21));
  return sequences;
}

/// Hidden states of each sequence's own tokens, of one batch.
std::vector<std::vector<double>> encode(const model::Model& model, const Sequences& sequences,
                                        const model::StepNoise* noise = nullptr) {
  const model::TokenBatch batch =
      model::make_token_batch(model.kernels(), sequences, model.config().block_size);
  const core::Tensor hidden = model.encode(batch, nullptr, noise);
  const std::vector<double> all = hidden.to_doubles();
  std::vector<std::vector<double>> result;
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const auto begin = all.begin() + static_cast<std::int64_t>(b) * hidden.dim(1) * hidden.dim(2);
    result.emplace_back(begin,
                        begin + static_cast<std::int64_t>(sequences[b].size()) * hidden.dim(2));
  }
  return result;
}

TEST(Encoder, ShortInputsAreDenseWhateverTheBlockSize) {
  const auto kernels = core::open_reference();
  const Sequences sequences = random_sequences({80});
  std::vector<double> first;
  for (const std::int64_t block_size : {16, 32, 64}) {
    model::Model model(*kernels, encoder_config(block_size));
    randomize(model, 4);
    const std::vector<double> hidden = encode(model, sequences)[0];
    if (first.empty()) first = hidden;
    EXPECT_TRUE(close(hidden, first, 1e-12)) << block_size;
  }
}

TEST(Encoder, LongInputsAreSparse) {
  const auto kernels = core::open_reference();
  const Sequences sequences = random_sequences({250});
  model::Model sparse(*kernels, encoder_config()), dense(*kernels, encoder_config());
  randomize(sparse, 4);
  randomize(dense, 4);
  dense.set_pattern(16, {model::dense_pattern(16, 16), model::dense_pattern(16, 16)});
  EXPECT_GT(relative_error(encode(sparse, sequences)[0], encode(dense, sequences)[0]).by_norm,
            1e-3);
  // And the dense oracle is attention over all tokens: blocks of 64 list all of them.
  model::Model whole(*kernels, encoder_config(64));
  randomize(whole, 4);
  EXPECT_TRUE(close(encode(dense, sequences)[0], encode(whole, sequences)[0], 1e-12));
}

TEST(Encoder, AllRandomBlocksMakeItDense) {
  const auto kernels = core::open_reference();
  model::ModelConfig config = encoder_config();
  config.random_blocks = 30;
  model::Model all(*kernels, config), dense(*kernels, encoder_config(64));
  randomize(all, 4);
  randomize(dense, 4);
  const Sequences sequences = random_sequences({200});
  EXPECT_TRUE(close(encode(all, sequences)[0], encode(dense, sequences)[0], 1e-12));
}

/// In f32, and in the device's fastest precision.
class Bytes : public ::testing::TestWithParam<const char*> {};

TEST_P(Bytes, HangOnNeitherThreadsNorNeighbours) {
  // All of 9 blocks of 16: sparse.
  const Sequences sequences = random_sequences({144, 130, 129, 141, 144, 137, 135, 133});
  std::vector<std::vector<double>> alone;
  for (const int threads : {1, 2, 3}) {
    const auto kernels = core::open_device("cpu", GetParam(), threads);
    model::Model model(*kernels, encoder_config());
    randomize(model, 4);
    if (alone.empty()) {
      for (const auto& sequence : sequences) alone.push_back(encode(model, {sequence})[0]);
    }
    for (const std::size_t batch : {1, 2, 3, 8}) {
      for (std::size_t begin = 0; begin < sequences.size(); begin += batch) {
        const std::size_t end = std::min(sequences.size(), begin + batch);
        const auto hidden =
            encode(model, Sequences(sequences.begin() + static_cast<std::int64_t>(begin),
                                    sequences.begin() + static_cast<std::int64_t>(end)));
        for (std::size_t i = begin; i < end; ++i) {
          EXPECT_TRUE(same_bits(hidden[i - begin], alone[i]))
              << threads << " threads, batches of " << batch << ", sequence " << i;
        }
      }
    }
  }
}

TEST_P(Bytes, OfGradientsDoNotHangOnThreads) {
  std::vector<double> first;
  for (const int threads : {1, 2, 3}) {
    const auto kernels = core::open_device("cpu", GetParam(), threads);
    TrainingCase training(*kernels, encoder_config(), {144, 130, 129});
    training.backward();
    const std::vector<double> gradients = training.model().parameters().gradients().to_doubles();
    if (first.empty()) first = gradients;
    EXPECT_TRUE(same_bits(gradients, first)) << threads;
  }
}

TEST_P(Bytes, OfHeadsHangOnNoNeighbour) {
  const auto kernels = core::open_device("cpu", GetParam(), 2);
  model::Model model(*kernels, encoder_config());
  randomize(model, 4);
  const Sequences sequences = random_sequences({144, 130, 133});
  const auto outputs = [&](const Sequences& some) {
    return model.head_output(model.encode(model::make_token_batch(*kernels, some, 16)))
        .to_doubles();
  };
  const auto pooled = [&](const Sequences& some) {
    const model::TokenBatch batch = model::make_token_batch(*kernels, some, 16);
    return model.pool(model.encode(batch), batch).to_doubles();
  };
  std::vector<double> alone, alone_pooled;
  for (const auto& sequence : sequences) {
    for (const double value : outputs({sequence})) alone.push_back(value);
    for (const double value : pooled({sequence})) alone_pooled.push_back(value);
  }
  EXPECT_TRUE(same_bits(outputs(sequences), alone));
  EXPECT_TRUE(same_bits(pooled(sequences), alone_pooled));
}

TEST(Encoder, RowsAreThoseOfAll) {
  for (const std::string precision : {"reference", "f32", "auto"}) {
    const auto kernels =
        precision == "reference" ? core::open_reference() : core::open_device("cpu", precision, 2);
    model::Model model(*kernels, encoder_config());
    randomize(model, 4);
    const Sequences sequences = random_sequences({144, 130, 133});
    const model::TokenBatch batch = model::make_token_batch(*kernels, sequences, 16);
    const core::Tensor hidden = model.encode(batch);
    const std::vector<double> all = hidden.to_doubles();
    const auto channels = static_cast<std::size_t>(hidden.dim(2));
    for (const std::vector<std::int32_t>& rows :
         {std::vector<std::int32_t>{431}, std::vector<std::int32_t>{150, 3, 3, 288, 7, 143}}) {
      std::vector<double> expected;
      for (const std::int32_t row : rows) {
        const auto at = all.begin() + static_cast<std::ptrdiff_t>(row * channels);
        expected.insert(expected.end(), at, at + static_cast<std::ptrdiff_t>(channels));
      }
      const core::Tensor index = core::Tensor::from_host(
          *kernels, {static_cast<std::int64_t>(rows.size())}, std::span<const std::int32_t>(rows));
      EXPECT_TRUE(same_bits(model.encode_rows(batch, index).to_doubles(), expected));
    }
    EXPECT_TRUE(same_bits(model.head_output(model.encode_cls(batch)).to_doubles(),
                          model.head_output(hidden).to_doubles()));
  }
}

TEST(Encoder, WhatNoLossReadsChangesNoGradient) {
  const auto kernels = core::open_reference();
  model::ModelConfig config = encoder_config();
  config.dropout = 0;  // which draws by the place among the rows that are computed
  TrainingCase all(*kernels, config, {144, 130, 129}), some(*kernels, config, {144, 130, 129});
  some.read_few_rows();
  all.backward();
  some.backward();
  EXPECT_DOUBLE_EQ(some.loss(), all.loss());
  EXPECT_TRUE(close(some.model().parameters().gradients().to_doubles(),
                    all.model().parameters().gradients().to_doubles(), 1e-13));
}

TEST(Encoder, ALossReadsRowsOfTheBatch) {
  const auto kernels = core::open_reference();
  using Rows = std::vector<std::int32_t>;
  model::SomeRows some;
  for (const Rows& rows : {Rows{}, Rows{-1, 3}, Rows{40}}) {
    EXPECT_THROW(model::set_some_rows(*kernels, rows, 40, 0, some), std::logic_error);
  }
  model::set_some_rows(*kernels, {5, 2, 5}, 6, 0, some);
  EXPECT_EQ(some.index.to_ints(), (Rows{2, 5}));
  EXPECT_EQ(some.place.to_ints(), (Rows{2, 2, 0, 2, 2, 1}));
  model::set_some_rows(*kernels, {5, 2}, 6, 4, some);
  EXPECT_EQ(some.index.to_ints(), (Rows{0, 1, 2, 5}));
  model::set_some_rows(*kernels, {5, 2}, 6, 9, some);
  EXPECT_EQ(some.index.to_ints(), (Rows{0, 1, 2, 3, 4, 5}));

  model::Model model(*kernels, encoder_config());
  const model::TokenBatch batch = model::make_token_batch(*kernels, random_sequences({20, 17}), 16);
  model::ForwardCache cache;
  EXPECT_THROW(model.encode_for_loss(batch, some, cache, nullptr), std::logic_error);
}

INSTANTIATE_TEST_SUITE_P(Encoder, Bytes, ::testing::Values("f32", "auto"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Encoder, PoolIsTheMeanOverKmerTokens) {
  const auto kernels = core::open_reference();
  model::Model model(*kernels, encoder_config());
  randomize(model, 4);
  const Sequences sequences = random_sequences({20, 17, 30});
  const model::TokenBatch batch = model::make_token_batch(*kernels, sequences, 16);
  const core::Tensor hidden = model.encode(batch);
  const std::vector<double> values = hidden.to_doubles(),
                            pooled = model.pool(hidden, batch).to_doubles();
  const std::int64_t channels = hidden.dim(2);
  for (std::int64_t b = 0; b < 3; ++b) {
    const auto length = static_cast<std::int64_t>(sequences[static_cast<std::size_t>(b)].size());
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (std::int64_t t = 1; t + 1 < length; ++t) {
        sum += values[(b * hidden.dim(1) + t) * channels + c];
      }
      EXPECT_NEAR(pooled[b * channels + c], sum / static_cast<double>(length - 2), 1e-12);
    }
  }
  // A sequence of [CLS] and [SEP] alone has none.
  const model::TokenBatch none = model::make_token_batch(*kernels, Sequences{{2, 3}}, 16);
  for (const double value : model.pool(model.encode(none), none).to_doubles()) EXPECT_EQ(value, 0);
}

TEST(Encoder, DropoutIsAFunctionOfSeedAndStep) {
  const auto kernels = core::open_reference();
  model::Model model(*kernels, encoder_config());
  randomize(model, 4);
  const Sequences sequences = random_sequences({40, 35});
  const auto with = [&](std::uint64_t seed, std::uint64_t step) {
    const model::StepNoise noise = model::step_noise(*kernels, seed, step);
    return encode(model, sequences, &noise)[0];
  };
  const std::vector<double> once = with(1, 5);
  EXPECT_TRUE(same_bits(once, with(1, 5)));
  EXPECT_GT(relative_error(once, with(1, 6)).by_norm, 1e-3);
  EXPECT_GT(relative_error(once, with(2, 5)).by_norm, 1e-3);
  EXPECT_GT(relative_error(once, with(1, 5 + (std::uint64_t{1} << 32))).by_norm, 1e-3);
  EXPECT_GT(relative_error(once, encode(model, sequences)[0]).by_norm, 1e-3);
}

TEST(Encoder, WithoutDropoutNoiseChangesNothing) {
  const auto kernels = core::open_reference();
  model::ModelConfig config = encoder_config();
  config.dropout = 0;
  model::Model model(*kernels, config);
  randomize(model, 4);
  const Sequences sequences = random_sequences({40});
  const model::StepNoise noise = model::step_noise(*kernels, 1, 5);
  EXPECT_TRUE(same_bits(encode(model, sequences, &noise)[0], encode(model, sequences)[0]));
}

TEST(Encoder, KeepingACacheChangesNothing) {
  const auto kernels = core::open_device("cpu", "auto", 2);
  model::Model model(*kernels, encoder_config());
  randomize(model, 4);
  const model::TokenBatch batch =
      model::make_token_batch(*kernels, random_sequences({144, 130}), 16);
  model::ForwardCache cache;
  const std::vector<double> kept = model.encode(batch, &cache).to_doubles();
  EXPECT_TRUE(same_bits(model.encode(batch).to_doubles(), kept));
}

TEST(Encoder, GradientsAddUpOverBatches) {
  const auto kernels = core::open_reference();
  TrainingCase training(*kernels, encoder_config(), {60, 50});
  training.backward();
  const std::vector<double> once = training.model().parameters().gradients().to_doubles();
  model::ForwardCache cache;
  const core::Tensor hidden = training.model().encode(training.batch(), &cache);
  const core::Tensor nothing = core::Tensor::from_host(
      *kernels, hidden.shape(),
      std::span<const double>(std::vector<double>(static_cast<std::size_t>(hidden.size()), 0.0)));
  training.model().encode_backward(nothing, cache);
  EXPECT_TRUE(close(training.model().parameters().gradients().to_doubles(), once, 1e-15));
}

TEST(Encoder, RefusesWhatItCannotRead) {
  const auto kernels = core::open_reference();
  model::ModelConfig config = encoder_config();
  config.positions = 48;
  model::Model model(*kernels, config);
  const auto read = [&](const Sequences& sequences) {
    return [&model, &kernels, sequences] {
      model.encode(model::make_token_batch(*kernels, sequences, 16));
    };
  };
  EXPECT_NO_THROW(read(random_sequences({48}))());
  EXPECT_THAT(read(random_sequences({49})), throws_data_error("49 tokens", "48 positions"));
  EXPECT_THAT(read({{2, 20, 21, 3}}), throws_data_error("token id 21", "vocabulary of 21"));
  EXPECT_THAT([&] { model.embed(model::make_token_batch(*kernels, random_sequences({49}), 16)); },
              throws_data_error("49 tokens"));
}

TEST(Encoder, RefusesHeadsThatItDoesNotHave) {
  const auto kernels = core::open_reference();
  model::ModelConfig config = small_config(HeadTask::none, kernels::Gelu::tanh);
  config.masked_lm = false;
  model::Model model(*kernels, config);
  const core::Tensor hidden = core::Tensor::zeros(*kernels, {1, 4, 8});
  const std::vector<std::int32_t> row = {0};
  const core::Tensor rows =
      core::Tensor::from_host(*kernels, {1}, std::span<const std::int32_t>(row));
  EXPECT_THAT([&] { model.head_output(hidden); }, throws_data_error("no head for a task"));
  EXPECT_THAT([&] { model.masked_lm_logits(hidden, rows); },
              throws_data_error("no masked-token head"));
  core::Tensor dhidden = hidden;
  EXPECT_THROW(model.encode_backward(hidden, {}), std::logic_error);
  EXPECT_THROW(model.head_backward(hidden, {}, dhidden), std::logic_error);
  EXPECT_THROW(model.masked_lm_backward(hidden, {}, dhidden), std::logic_error);
}

TEST(Encoder, RefusesPatternsOfOtherShapes) {
  const auto kernels = core::open_reference();
  model::Model model(*kernels, encoder_config());
  const model::BlockPattern fits = model::dense_pattern(4, 16);
  EXPECT_NO_THROW(model.set_pattern(4, {fits, fits}));
  EXPECT_THROW(model.set_pattern(4, {fits}), std::logic_error);
  EXPECT_THROW(model.set_pattern(5, {fits, fits}), std::logic_error);
  EXPECT_THROW(model.set_pattern(4, {fits, model::dense_pattern(4, 32)}), std::logic_error);
}

}  // namespace
}  // namespace dnabird::test
