#include "predict/window_batcher.h"

#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <memory>
#include <numeric>
#include <thread>

#include "core/rng.h"
#include "support/errors.h"
#include "support/random_model.h"
#include "support/recording_kernel_set.h"

namespace dnabird::predict {
namespace {

using support::random_model;
using support::throws_data_error;

std::string random_bases(std::int64_t n, core::Rng& rng) {
  std::string bases;
  while (static_cast<std::int64_t>(bases.size()) < n) bases += "ACGT"[rng.below(4)];
  return bases;
}

/// Of three lengths, so that they span different numbers of blocks.
std::vector<Tokens> windows_of(const seq::KmerTokenizer& tokenizer) {
  core::Rng rng(3);
  std::vector<Tokens> windows;
  for (int i = 0; i < 12; ++i)
    windows.push_back(tokenizer.encode(random_bases(40 + i % 3 * 30, rng)));
  return windows;
}

model::TokenBatch batch_of_one(const model::Model& model, const Tokens& ids) {
  return model::make_token_batch(model.kernels(), std::span<const Tokens>(&ids, 1),
                                 model.config().block_size);
}

TEST(WindowBatcher, LogOddsAreThoseOfEachWindowAloneWhateverTheBatch) {
  const support::RandomModel one = random_model();
  const std::vector<Tokens> windows = windows_of(one.tokenizer);
  std::vector<double> expected;
  for (const Tokens& ids : windows) {
    const std::vector<float> logits =
        one.model->head_output(one.model->encode(batch_of_one(*one.model, ids))).to_floats();
    expected.push_back(static_cast<double>(logits[1]) - logits[0]);
  }
  EXPECT_GT(*std::max_element(expected.begin(), expected.end()) -
                *std::min_element(expected.begin(), expected.end()),
            0.1);
  for (const std::int64_t batch_size : {0, 1, 5}) {
    const std::vector<double> log_odds =
        WindowBatcher(*one.model, batch_size).promoter_log_odds(windows).get();
    ASSERT_EQ(log_odds.size(), expected.size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
      EXPECT_NEAR(log_odds[i], expected[i], 1e-12) << i << ", batches of " << batch_size;
    }
  }
}

TEST(WindowBatcher, EmbeddingsAreThoseOfEachWindowAloneWhateverTheBatch) {
  const support::RandomModel one = random_model();
  const std::vector<Tokens> windows = windows_of(one.tokenizer);
  std::vector<float> expected;
  for (const Tokens& ids : windows) {
    const model::TokenBatch batch = batch_of_one(*one.model, ids);
    const std::vector<float> pooled = one.model->pool(one.model->encode(batch), batch).to_floats();
    expected.insert(expected.end(), pooled.begin(), pooled.end());
  }
  for (const std::int64_t batch_size : {0, 1, 5}) {
    EXPECT_EQ(WindowBatcher(*one.model, batch_size).embeddings(windows).get(), expected)
        << batch_size;
  }
}

/// log softmax in double.
double log_probability(const std::vector<float>& logits, std::int32_t id) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return logits[static_cast<std::size_t>(id)] - std::log(sum);
}

TEST(WindowBatcher, CandidatesAreScoredOnMaskedTokensUnknownOnesCountNothing) {
  const support::RandomModel one = random_model();
  std::vector<MaskedWindow> windows;
  for (const Tokens& ids : windows_of(one.tokenizer)) {
    const auto first = static_cast<std::int64_t>(5 + windows.size());
    MaskedWindow window{ids, first, {}};
    const auto n = static_cast<std::ptrdiff_t>(1 + windows.size() % 4);
    std::fill_n(window.ids.begin() + first, n, seq::kMask);
    window.candidates.emplace_back(ids.begin() + first, ids.begin() + first + n);
    if (windows.size() % 2) window.candidates.emplace_back(n, 7);
    if (windows.size() % 3 == 2) window.candidates[0][0] = kNotAsked;
    windows.push_back(window);
  }
  std::vector<std::vector<double>> expected;
  for (const MaskedWindow& window : windows) {
    const core::Tensor hidden = one.model->encode(batch_of_one(*one.model, window.ids));
    expected.emplace_back(window.candidates.size(), 0.0);
    for (std::size_t c = 0; c < window.candidates.size(); ++c) {
      for (std::size_t i = 0; i < window.candidates[c].size(); ++i) {
        if (window.candidates[c][i] == kNotAsked) continue;
        const std::vector<std::int32_t> row = {static_cast<std::int32_t>(window.first_row) +
                                               static_cast<std::int32_t>(i)};
        const core::Tensor rows =
            core::Tensor::from_host(*one.kernels, {1}, std::span<const std::int32_t>(row));
        expected.back()[c] += log_probability(one.model->masked_lm_logits(hidden, rows).to_floats(),
                                              window.candidates[c][i]);
      }
    }
  }
  const auto alone = WindowBatcher(*one.model, 1).candidate_log_likelihoods(windows).get();
  ASSERT_EQ(alone.size(), expected.size());
  for (std::size_t w = 0; w < windows.size(); ++w) {
    ASSERT_EQ(alone[w].size(), expected[w].size());
    for (std::size_t c = 0; c < alone[w].size(); ++c) {
      EXPECT_NEAR(alone[w][c], expected[w][c], 1e-5 * (1 + std::abs(expected[w][c])));
    }
  }
  for (const std::int64_t batch_size : {0, 5}) {
    EXPECT_EQ(WindowBatcher(*one.model, batch_size).candidate_log_likelihoods(windows).get(),
              alone);
  }
}

TEST(WindowBatcher, LogOddsOfSeveralClasses) {
  const std::vector<float> logits = {1.0f, 3.0f, -2.0f};
  double all = 0;
  for (const float logit : logits) all += std::exp(static_cast<double>(logit));
  const double p = std::exp(3.0) / all;
  EXPECT_NEAR(class_log_odds(logits, 1), std::log(p / (1 - p)), 1e-12);
  EXPECT_DOUBLE_EQ(class_log_odds(std::vector<float>{0.25f, 2.0f}, 1), 1.75);
  EXPECT_DOUBLE_EQ(class_log_odds(std::vector<float>{0.25f, 2.0f}, 0), -1.75);
}

TEST(WindowBatcher, ModelsWithoutTheHeadThatIsAskedForSaySo) {
  const support::RandomModel plain = random_model({.targets = {}});
  EXPECT_FALSE(promoter_class(plain.model->config()));
  const std::vector<Tokens> windows = windows_of(plain.tokenizer);
  EXPECT_THAT([&] { WindowBatcher(*plain.model, 0).promoter_log_odds(windows).get(); },
              throws_data_error("promoter", "finetune"));
  const support::RandomModel other = random_model({.targets = {"exon", "intron"}});
  EXPECT_FALSE(promoter_class(other.model->config()));
  const support::RandomModel known = random_model({.targets = {"promoter", "exon", "intron"}});
  EXPECT_EQ(promoter_class(known.model->config()), 0);
}

/// What a batcher says of some windows, in turn by every method.
std::vector<std::vector<float>> answers(const WindowBatcher& batcher,
                                        const seq::KmerTokenizer& kmers, std::uint64_t seed) {
  core::Rng rng(seed);
  std::vector<Tokens> windows;
  std::vector<MaskedWindow> masked;
  // The first of five is the longest: all batches have one shape but for what is masked.
  for (int i = 0; i < 10; ++i) {
    const std::int64_t n = i % 5 == 0 ? 46 : 36 + static_cast<std::int64_t>(rng.below(10));
    windows.push_back(kmers.encode(random_bases(n, rng)));
    const auto hidden = static_cast<std::ptrdiff_t>(1 + rng.below(4));
    MaskedWindow window{windows.back(), 3, {}};
    for (int c = 0; c < 2; ++c) {
      window.candidates.emplace_back(hidden, static_cast<std::int32_t>(5 + rng.below(60)));
    }
    std::fill_n(window.ids.begin() + 3, hidden, seq::kMask);
    masked.push_back(window);
  }
  std::vector<std::vector<float>> all{batcher.head_outputs(windows).get(),
                                      batcher.embeddings(windows).get(),
                                      batcher.cls_states(windows).get()};
  for (std::vector<float>& states : batcher.token_states(windows).get()) all.push_back(states);
  for (const std::vector<double>& sums : batcher.candidate_log_likelihoods(masked).get()) {
    all.emplace_back(sums.begin(), sums.end());
  }
  return all;
}

TEST(WindowBatcher, CapturedBatchesHaveTheBytesOfThoseThatAreNot) {
  const support::RandomModel plain = random_model();
  auto recorder = std::make_unique<test::RecordingKernelSet>(core::open_device("cpu", "f32", 1));
  const test::RecordingKernelSet& recording = *recorder;
  const support::RandomModel captured = random_model({}, std::move(recorder));
  const WindowBatcher expected(*plain.model, 5), actual(*captured.model, 5);
  for (std::uint64_t call = 1; call <= 4; ++call) {
    EXPECT_EQ(answers(actual, captured.tokenizer, call), answers(expected, plain.tokenizer, call))
        << "call " << call;
  }
  EXPECT_GE(recording.captured(), 5);
  EXPECT_GT(recording.runs(), 20);
}

TEST(WindowBatcher, CapturedWorkIsGivenUpWhereMemoryIsShort) {
  const support::RandomModel plain = random_model();
  auto recorder = std::make_unique<test::RecordingKernelSet>(core::open_device("cpu", "f32", 1));
  test::RecordingKernelSet& recording = *recorder;
  const support::RandomModel captured = random_model({}, std::move(recorder));
  // Batches of a size that was asked for cannot shrink.
  const WindowBatcher expected(*plain.model, 5), actual(*captured.model, 5);
  EXPECT_EQ(answers(actual, captured.tokenizer, 1), answers(expected, plain.tokenizer, 1));
  const int before = recording.captured();
  EXPECT_GT(before, 0);
  recording.let_captured_take_all();
  for (std::uint64_t call = 2; call <= 4; ++call) {
    EXPECT_EQ(answers(actual, captured.tokenizer, call), answers(expected, plain.tokenizer, call));
  }
  EXPECT_EQ(recording.captured(), before);
}

TEST(WindowBatcher, AllIsAskedForBeforeAnythingIsWaitedFor) {
  auto recorder = std::make_unique<test::RecordingKernelSet>(core::open_device("cpu", "f32", 1));
  const test::RecordingKernelSet& recording = *recorder;
  const support::RandomModel one = random_model({}, std::move(recorder));
  const WindowBatcher batcher(*one.model, 2);
  const std::vector<Tokens> expected_windows = windows_of(one.tokenizer);
  const std::vector<double> expected = batcher.promoter_log_odds(expected_windows).get();
  const std::vector<float> expected_embeddings = batcher.embeddings(expected_windows).get();
  const int before = recording.waits();
  std::vector<Tokens> windows = expected_windows;
  std::future<std::vector<double>> log_odds = batcher.promoter_log_odds(windows);
  std::future<std::vector<float>> embeddings = batcher.embeddings(windows);
  EXPECT_EQ(recording.waits(), before);
  windows.clear();  // they are with the device
  const double asked = batcher.seconds();
  EXPECT_GT(asked, 0);
  std::thread([&] { EXPECT_EQ(embeddings.get(), expected_embeddings); }).join();
  EXPECT_EQ(log_odds.get(), expected);
  EXPECT_GE(batcher.seconds(), asked);
  EXPECT_EQ(recording.waits(), before + 2 * static_cast<int>((expected.size() + 1) / 2));
}

}  // namespace
}  // namespace dnabird::predict
