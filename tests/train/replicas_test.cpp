// A step's sequences split over replicas, against one model that takes them all.
#include "train/replicas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "support/compare.h"
#include "support/errors.h"
#include "support/training_case.h"
#include "train/batches.h"

namespace dnabird::train {
namespace {

using core::Tensor;
using model::HeadTask;

constexpr std::int64_t kSmallBuckets = 100;  // one for each layer of small_config()

model::ModelConfig config_of(HeadTask task = HeadTask::none) {
  model::ModelConfig config = test::small_config(task, kernels::Gelu::tanh);
  config.dropout = 0;
  return config;
}

/// Sequences of three lengths, about every fifth token with a label.
TokenRows random_rows(std::int64_t vocabulary) {
  test::RandomValues random(7);
  TokenRows rows;
  for (const std::int64_t length : {60, 33, 57, 49, 64, 50, 35}) {
    rows.inputs.push_back(random.integers(length, vocabulary));
    rows.labels.push_back(random.integers(length, vocabulary));
    for (std::int32_t& label : rows.labels.back()) label = random.below(5) == 0 ? label : -1;
  }
  return rows;
}

std::unique_ptr<core::KernelSet> open_cpu() { return core::open_device("cpu", "f32", 1); }

/// One model or more, each on kernels of its own.
class Setting {
 public:
  explicit Setting(std::size_t count, const std::string& device = "cpu",
                   const model::ModelConfig& config = config_of()) {
    for (std::size_t r = 0; r < count; ++r) {
      const std::string number = device == "cpu" ? "" : ":" + std::to_string(r);
      kernels_.push_back(core::open_device(device + number, "f32", 1));
    }
    first_ = std::make_unique<model::Model>(*kernels_[0], config);
    test::randomize(*first_, 3);
    std::vector<core::KernelSet*> others;
    for (std::size_t r = 1; r < count; ++r) others.push_back(kernels_[r].get());
    replicas_ = std::make_unique<Replicas>(*first_, others, kSmallBuckets);
  }

  Replicas& replicas() { return *replicas_; }

  /// The gradients of every replica behind a step on `rows`, of which each takes every n-th batch.
  std::vector<std::vector<double>> gradients(const TokenRows& rows) {
    replicas_->each([&](std::size_t r, model::Model& model) {
      model.parameters().gradients().zero();
      pass_over(rows, r, model);
      replicas_->finish(r);
    });
    std::vector<std::vector<double>> all;
    for (std::size_t r = 0; r < replicas_->count(); ++r) {
      all.push_back(replicas_->model(r).parameters().gradients().to_doubles());
    }
    return all;
  }

 private:
  void pass_over(const TokenRows& rows, std::size_t replica, model::Model& model) {
    const std::int64_t block_size = model.config().block_size;
    const double scale = 1 / static_cast<double>(rows.labelled_tokens());
    const auto batches = plan_batches(rows, 1, block_size);
    for (std::size_t i = replica; i < batches.size(); i += replicas_->count()) {
      const model::TokenBatch batch = make_batch(model.kernels(), rows, batches[i], block_size);
      model::ForwardCache cache;
      const Tensor hidden = model.encode(batch, &cache);  // (B,T,C)
      Tensor dhidden = Tensor::zeros(model.kernels(), hidden.shape());
      LabelledTokens tokens;
      set_labelled_tokens(model.kernels(), rows, batches[i], batch.tokens, 0, tokens);
      const TokenLoss loss = masked_token_loss(model, hidden, tokens, &cache);
      masked_token_backward(model, loss, tokens.labels, scale, cache, dhidden);
      const bool is_last = i + replicas_->count() >= batches.size();
      model.encode_backward(dhidden, cache, is_last ? replicas_->ready(replica) : nullptr);
    }
  }

  std::vector<std::unique_ptr<core::KernelSet>> kernels_;
  std::unique_ptr<model::Model> first_;
  std::unique_ptr<Replicas> replicas_;
};

void expect_the_gradients_of_one_model(Setting& several, Setting& one) {
  const TokenRows rows = random_rows(config_of().vocabulary);
  const std::vector<double> expected = one.gradients(rows)[0];
  const auto actual = several.gradients(rows);
  EXPECT_TRUE(test::close(actual[0], expected, 1e-5));
  for (const std::vector<double>& of_replica : actual) {
    EXPECT_TRUE(test::same_bits(of_replica, actual[0]));
  }
  const auto again = several.gradients(rows);
  for (std::size_t r = 0; r < again.size(); ++r) {
    EXPECT_TRUE(test::same_bits(again[r], actual[r])) << r;
  }
}

TEST(Replicas, TheirGradientsAreThoseOfOneModelOnAllSequences) {
  Setting one(1);
  // With nine some have no pass at all.
  for (const std::size_t count : {2, 3, 9}) {
    Setting several(count);
    expect_the_gradients_of_one_model(several, one);
  }
}

TEST(Replicas, TheirGradientsAreThoseOfOneModelOnTwoGpus) {
  std::unique_ptr<Setting> one, two;
  try {
    one = std::make_unique<Setting>(1, "cuda");
    two = std::make_unique<Setting>(2, "cuda");
  } catch (const core::UsageError& error) {
    GTEST_SKIP() << error.what();
  }
  expect_the_gradients_of_one_model(*two, *one);
}

TEST(Replicas, BeginWithTheWeightsOfTheFirstAndCanTakeThemAgain) {
  Setting setting(3);
  Replicas& replicas = setting.replicas();
  const auto expect_equal = [&] {
    const std::vector<double> first = replicas.model(0).parameters().values().to_doubles();
    for (std::size_t r = 1; r < replicas.count(); ++r) {
      EXPECT_TRUE(test::same_bits(replicas.model(r).parameters().values().to_doubles(), first));
    }
  };
  expect_equal();
  test::randomize(replicas.model(0), 8);
  replicas.copy_weights();
  expect_equal();
}

TEST(Replicas, OneThatThrowsEndsTheOthersAndItsErrorIsThrown) {
  for (const std::size_t faulty : {0, 2}) {
    Setting setting(3);
    Replicas& replicas = setting.replicas();
    const auto step = [&] {
      replicas.each([&](std::size_t r, model::Model&) {
        if (r == faulty) throw core::DataError("out of luck");
        replicas.finish(r);
      });
    };
    EXPECT_THAT(step, support::throws_data_error("out of luck"));
    // What failed in the middle leaves nothing behind.
    Setting untouched(3);
    const TokenRows rows = random_rows(config_of().vocabulary);
    EXPECT_EQ(setting.gradients(rows), untouched.gradients(rows));
  }
}

TEST(Replicas, OfSeveralErrorsTheFirstReplicasIsThrown) {
  Setting setting(3);
  const auto step = [&] {
    setting.replicas().each([&](std::size_t r, model::Model&) {
      if (r == 0) setting.replicas().finish(r);
      throw core::DataError("replica " + std::to_string(r));
    });
  };
  EXPECT_THAT(step, support::throws_data_error("replica 1"));
}

TEST(Replicas, OfOneModelNothingIsSummed) {
  Setting one(1);
  EXPECT_FALSE(one.replicas().ready(0));
  std::size_t calls = 0;
  one.replicas().each([&](std::size_t r, model::Model& model) {
    ++calls;
    EXPECT_EQ(&model, &one.replicas().model(r));
    one.replicas().finish(r);
  });
  EXPECT_EQ(calls, 1u);
}

/// The configurations whose parameters lie in other orders.
std::vector<model::ModelConfig> configurations() {
  std::vector<model::ModelConfig> all;
  for (const HeadTask task : {HeadTask::none, HeadTask::classification}) {
    for (const bool masked_lm : {true, false}) {
      for (const bool tied : {true, false}) {
        model::ModelConfig config = config_of(task);
        config.layers = 5;
        config.masked_lm = masked_lm;
        config.tied_decoder = tied;
        all.push_back(config);
      }
    }
  }
  return all;
}

TEST(GradientBuckets, HoldEveryElementOnceAndBeginWhereBackwardTellsOfIt) {
  const auto kernels = open_cpu();
  for (const model::ModelConfig& config : configurations()) {
    const model::Model model(*kernels, config);
    const std::int64_t of_layer = model.layer_begin(1) - model.layer_begin(0);
    for (const std::int64_t least : {std::int64_t{1}, of_layer, of_layer + 1, 4 * of_layer,
                                     model.parameters().size(), std::int64_t{1} << 40}) {
      const auto buckets = gradient_buckets(model, least);
      std::int64_t end = model.parameters().size();
      for (std::size_t i = 0; i < buckets.size(); ++i) {
        EXPECT_EQ(buckets[i].begin + buckets[i].size, end);
        end = buckets[i].begin;
        if (i + 1 == buckets.size()) break;
        EXPECT_GE(buckets[i].size, least);
        const std::int64_t layers = (end - model.layer_begin(0)) / of_layer;
        EXPECT_EQ(end, model.layer_begin(layers));
      }
      EXPECT_EQ(end, 0);
    }
    EXPECT_EQ(gradient_buckets(model, 1).size(), 6u);
    EXPECT_EQ(gradient_buckets(model, std::int64_t{1} << 40).size(), 1u);
  }
}

TEST(GradientsReady, WhatBackwardCallsFinalDoesNotChangeAnyMore) {
  const auto kernels = open_cpu();
  for (const bool tied : {true, false}) {
    model::ModelConfig config = config_of(HeadTask::classification);
    config.tied_decoder = tied;
    test::TrainingCase training(*kernels, config, {60, 49});
    std::vector<std::int64_t> called;
    std::vector<std::vector<double>> at_call;
    training.backward([&](std::int64_t from) {
      called.push_back(from);
      at_call.push_back(training.model().parameters().gradients().to_doubles());
    });
    const model::Model& model = training.model();
    EXPECT_EQ(called, (std::vector<std::int64_t>{model.layer_begin(1), model.layer_begin(0), 0}));
    const std::vector<double> final = model.parameters().gradients().to_doubles();
    for (std::size_t i = 0; i < called.size(); ++i) {
      EXPECT_TRUE(
          std::equal(final.begin() + called[i], final.end(), at_call[i].begin() + called[i]));
    }
    EXPECT_NE(at_call[0], final);
  }
}

}  // namespace
}  // namespace dnabird::train
