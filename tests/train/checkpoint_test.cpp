#include "train/checkpoint.h"

#include <gtest/gtest.h>

#include "io/safetensors.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "train/train_log.h"

namespace dnabird::train {
namespace {

using support::TempFolder;
using support::throws_data_error;

Checkpoint small_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.state = {{"step", 7}, {"lr", 0.1}, {"text", "\"quoted\" \xC3\xA4"}};
  checkpoint.parameters = {1, 2.5f, -3};
  checkpoint.first_moment = {0.1f, 0.2f, 0.3f};
  checkpoint.second_moment = {1e-30f, 0, 4};
  return checkpoint;
}

TEST(Checkpoint, ComesBackAsItWas) {
  const TempFolder folder;
  Checkpoint checkpoint = small_checkpoint();
  write_checkpoint(folder / "c", checkpoint);
  Checkpoint back = read_checkpoint(folder / "c", 3);
  EXPECT_EQ(back.state, checkpoint.state);
  EXPECT_EQ(back.parameters, checkpoint.parameters);
  EXPECT_EQ(back.first_moment, checkpoint.first_moment);
  EXPECT_EQ(back.second_moment, checkpoint.second_moment);
  EXPECT_TRUE(back.average.empty());
  EXPECT_TRUE(back.best.empty());

  checkpoint.average = {7, 8, 9};
  checkpoint.best = {4, 5, 6};
  write_checkpoint(folder / "c", checkpoint);
  back = read_checkpoint(folder / "c", 3);
  EXPECT_EQ(back.average, checkpoint.average);
  EXPECT_EQ(back.best, checkpoint.best);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"c"});
}

TEST(Checkpoint, OtherFilesAreRefused) {
  const TempFolder folder;
  write_checkpoint(folder / "c", small_checkpoint());
  EXPECT_THAT([&] { read_checkpoint(folder / "c", 4); },
              throws_data_error(folder / "c", "another model", "3", "4"));
  EXPECT_THAT([&] { read_checkpoint(folder / "none", 3); }, throws_data_error(folder / "none"));
  io::TensorFile file = io::read_safetensors(folder / "c");
  file.tensors.erase("first_moment");
  io::write_safetensors(folder / "c", file);
  EXPECT_THAT([&] { read_checkpoint(folder / "c", 3); },
              throws_data_error(folder / "c", "not a checkpoint", "first_moment"));
  file.metadata.clear();
  io::write_safetensors(folder / "c", file);
  EXPECT_THAT([&] { read_checkpoint(folder / "c", 3); },
              throws_data_error(folder / "c", "not a checkpoint"));
}

TEST(TrainLog, CutsOffWhatStandsBehindTheCheckpoint) {
  const TempFolder folder;
  const std::string path = folder / "log";
  TrainLog first(path, 0);
  first.append({{"step", 1}, {"loss", 0.5}});
  first.sync();
  const std::int64_t kept = first.bytes();
  EXPECT_EQ(support::read_text(path), "{\"step\":1,\"loss\":0.5}\n");
  EXPECT_EQ(kept, static_cast<std::int64_t>(support::read_text(path).size()));
  first.append({{"step", 2}});

  TrainLog second(path, kept);
  second.append({{"step", 3}});
  EXPECT_EQ(support::read_text(path), "{\"step\":1,\"loss\":0.5}\n{\"step\":3}\n");
  EXPECT_THAT([&] { TrainLog(path, 1000); }, throws_data_error(path, "shorter than the 1000"));
  TrainLog third(path, 0);
  EXPECT_EQ(support::read_text(path), "");
  EXPECT_THAT([&] { TrainLog(folder / "no/log", 0); }, throws_data_error(folder / "no/log"));
}

}  // namespace
}  // namespace dnabird::train
