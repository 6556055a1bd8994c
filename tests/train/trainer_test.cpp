// The loop alone, on a task that is told what to say.
#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/device.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "support/training_case.h"

namespace dnabird::train {
namespace {

using support::TempFolder;
using support::throws_data_error;

/// Gradient 1 for every parameter; loss and headlines from lists.
class ScriptedTask : public TrainingTask {
 public:
  ScriptedTask(model::Model& model, std::vector<double> headlines)
      : model_(model), headlines_(std::move(headlines)) {}

  void accumulate(std::int64_t step) override {
    core::Tensor& gradients = model_.parameters().gradients();
    gradients.set(std::span<const float>(std::vector<float>(gradients.size(), gradient)));
    ++drawn;
    step_ = step;
  }
  StepLoss loss() override {
    StepLoss result;
    result.loss = step_ == bad_step ? bad_loss : 1.0;
    result.tokens = 1;
    return result;
  }
  bool has_dev() const override { return !headlines_.empty(); }
  Evaluation evaluate() override {
    seen.push_back(model_.parameters().values().to_floats()[0]);
    Evaluation evaluation;
    evaluation.loss = dev_loss;
    evaluation.headline = headlines_.at(seen.size() - 1);
    evaluation.metrics["headline"] = evaluation.headline;
    return evaluation;
  }
  nlohmann::json place() const override { return drawn; }
  void seek(const nlohmann::json& place) override { drawn = place.get<int>(); }

  int drawn = 0;
  float gradient = 1;
  std::int64_t bad_step = 0;
  double bad_loss = NAN, dev_loss = 1;
  std::vector<float> seen;  // the first weight at each evaluation

 private:
  model::Model& model_;
  std::vector<double> headlines_;
  std::int64_t step_ = 0;
};

class TrainerTest : public testing::Test {
 protected:
  TrainerTest()
      : kernels_(core::open_device("cpu", "f32", 1)),
        model_(*kernels_, test::small_config(model::HeadTask::none, kernels::Gelu::tanh)) {
    options_.schedule = {0.01, 0, 10, LrDecay::constant};
    options_.eval_every = 2;
    options_.folder = folder_.path();
  }
  float first_weight() const { return model_.parameters().values().to_floats()[0]; }
  std::string checkpoint() const { return Trainer::checkpoint_path(folder_.path()); }
  std::vector<std::string> log_lines() const {
    std::istringstream text(support::read_text(Trainer::log_path(folder_.path())));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  TempFolder folder_;
  std::unique_ptr<kernels::KernelSet> kernels_;
  model::Model model_;
  Replicas replicas_{model_};
  TrainerOptions options_;
};

TEST_F(TrainerTest, KeepsTheBestStep) {
  ScriptedTask task(model_, {0.1, 0.5, 0.5, 0.3, 0.2});
  Trainer trainer(replicas_, task, options_, {});
  trainer.run();
  EXPECT_EQ(trainer.step(), 10);
  EXPECT_EQ(trainer.best()->step, 4) << "the first of equals";
  EXPECT_EQ(trainer.best()->headline, 0.5);
  EXPECT_EQ(first_weight(), task.seen[1]);
  EXPECT_NE(task.seen[1], task.seen[4]);
  EXPECT_EQ(log_lines().size(), 10u + 5 + 1);
}

TEST_F(TrainerTest, AnythingIsBetterThanAnUndefinedFigure) {
  ScriptedTask task(model_, {NAN, NAN, -0.5, NAN, -0.7});
  Trainer trainer(replicas_, task, options_, {});
  trainer.run();
  EXPECT_EQ(trainer.best()->step, 6);
}

TEST_F(TrainerTest, WithoutDevTheLastWeightsStay) {
  ScriptedTask task(model_, {});
  Trainer trainer(replicas_, task, options_, {});
  trainer.run();
  EXPECT_FALSE(trainer.best());
  // A constant gradient makes every update of AdamW one of the learning rate.
  EXPECT_NEAR(first_weight(), -0.1, 0.001);
}

TEST_F(TrainerTest, PatienceCountsEvaluationsWithoutGain) {
  options_.patience = 2;
  ScriptedTask task(model_, {0.1, 0.05, 0.2, 0.2, 0.1});
  Trainer trainer(replicas_, task, options_, {});
  trainer.run();
  EXPECT_EQ(trainer.step(), 10);
  EXPECT_EQ(task.seen.size(), 5u);

  ScriptedTask sooner(model_, {0.1, 0.05, 0.02});
  Trainer stopped(replicas_, sooner, options_, {});
  stopped.run();
  EXPECT_EQ(stopped.step(), 6);
  EXPECT_EQ(stopped.best()->step, 2);
}

TEST_F(TrainerTest, EvaluatesAndKeepsTheAverage) {
  options_.average = 0.5;
  options_.eval_every = 10;
  ScriptedTask task(model_, {1});
  Trainer trainer(replicas_, task, options_, {});
  trainer.run();
  // The weights are -0.01 * step, nearly; the average of the last lags behind them.
  double average = 0;
  for (int step = 1; step <= 10; ++step) {
    const double decay = std::min(0.5, (1.0 + step) / (10 + step));
    average = decay * average + (1 - decay) * -0.01 * step;
  }
  EXPECT_NEAR(task.seen[0], average, 0.001);
  EXPECT_EQ(first_weight(), task.seen[0]);
}

TEST_F(TrainerTest, ClipsTheNormOfTheGradient) {
  // Without momentum's memory the size of a first update of AdamW is the rate, so decay shows
  // nothing; epsilon does, when the clipped gradient is as small as it.
  options_.adamw = {0, 0, 1, 0};
  options_.schedule.steps = 1;
  options_.clip = 0.5;
  ScriptedTask task(model_, {});
  Trainer trainer(replicas_, task, options_, {});
  trainer.run();
  const double clipped = 0.5 / std::sqrt(static_cast<double>(model_.parameters().size()));
  EXPECT_NEAR(first_weight(), -0.01 * clipped / (clipped + 1), 1e-7);
}

TEST_F(TrainerTest, GoesOnFromACheckpointAsIfNothingHadBeen) {
  options_.average = 0.9;
  options_.checkpoint_every = 3;
  const std::vector<double> headlines = {0.1, 0.5, 0.4, 0.3, 0.2};
  ScriptedTask whole(model_, headlines);
  Trainer trainer(replicas_, whole, options_, {{"made", "by a test"}});
  trainer.run();
  const std::vector<float> expected = model_.parameters().values().to_floats();
  const Checkpoint end = read_checkpoint(checkpoint(), model_.parameters().size());

  const TempFolder second;
  options_.folder = second.path();
  model_.parameters().values().zero();
  ScriptedTask broken(model_, headlines);
  broken.bad_step = 8;
  Trainer first(replicas_, broken, options_, {{"made", "by a test"}});
  EXPECT_THROW(first.run(), core::DataError);
  Checkpoint kept =
      read_checkpoint(Trainer::checkpoint_path(second.path()), model_.parameters().size());
  EXPECT_EQ(kept.state["step"], 6);
  EXPECT_EQ(kept.state["identity"]["made"], "by a test");

  model::Model other(*kernels_, model_.config());
  // The third evaluation, of step 6, was before the checkpoint.
  Replicas others(other);
  ScriptedTask rest(other, {0.3, 0.2});
  Trainer resumed(others, rest, options_, {{"made", "by a test"}});
  resumed.resume(std::move(kept));
  EXPECT_EQ(rest.drawn, 6);
  resumed.run();
  EXPECT_EQ(other.parameters().values().to_floats(), expected);
  EXPECT_EQ(resumed.best()->step, 4);
  const Checkpoint again =
      read_checkpoint(Trainer::checkpoint_path(second.path()), other.parameters().size());
  EXPECT_EQ(again.parameters, end.parameters);
  EXPECT_EQ(again.second_moment, end.second_moment);
  EXPECT_EQ(again.average, end.average);
}

TEST_F(TrainerTest, StopsAtWhatIsNotFinite) {
  options_.checkpoint_every = 2;
  const auto run = [&](auto prepare) {
    ScriptedTask task(model_, {1, 1, 1, 1, 1});
    prepare(task);
    Trainer(replicas_, task, options_, {}).run();
  };
  EXPECT_THAT([&] { run([](ScriptedTask& task) { task.bad_step = 5; }); },
              throws_data_error("step 5: the loss is nan", checkpoint(), "of step 4", "--lr"));
  EXPECT_THAT(
      [&] {
        run([](ScriptedTask& task) {
          task.bad_step = 3;
          task.bad_loss = INFINITY;
        });
      },
      throws_data_error("step 3: the loss is infinite", "of step 2"));
  EXPECT_THAT([&] { run([](ScriptedTask& task) { task.gradient = NAN; }); },
              throws_data_error("step 1: the norm of the gradient is nan", "of step 0"));
  EXPECT_THAT([&] { run([](ScriptedTask& task) { task.dev_loss = NAN; }); },
              throws_data_error("step 2: the loss on the dev set is nan", "of step 0"));
}

TEST_F(TrainerTest, ACheckpointOfAnotherKindIsRefused) {
  ScriptedTask task(model_, {});
  Trainer trainer(replicas_, task, options_, {});
  Checkpoint checkpoint;
  checkpoint.state = {{"step", 3}};
  EXPECT_THAT([&] { trainer.resume(checkpoint); },
              throws_data_error("not a checkpoint of this version"));
}

}  // namespace
}  // namespace dnabird::train
