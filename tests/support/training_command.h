// What the tests of pretrain and finetune share: a folder, and what is asked of it after a run.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/model_folder.h"
#include "support/process.h"
#include "support/toy_training.h"

namespace dnabird::support {

class TrainingCommand : public testing::Test {
 protected:
  /// The command in the folder with its model in "model", others of `more` beside or in place of
  /// the options that the tests use.
  virtual ProcessResult run(const std::vector<std::string>& more, ProcessOptions options = {}) = 0;

  void expect_refused(const std::vector<std::string>& more, int exit_code,
                      const std::vector<std::string>& parts) {
    const ProcessResult result = run(more);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, testing::HasSubstr(part));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "model/config.json"));
  }
  /// The model, and its log but for the times, are those in the folder "whole".
  void expect_same_as_whole() {
    for (const char* name : {"model.safetensors", "config.json", "vocab.txt"}) {
      EXPECT_EQ(read_text(folder_ / "model/" + name), read_text(folder_ / "whole/" + name)) << name;
    }
    EXPECT_EQ(first_difference(log_without_times(log()),
                               log_without_times(folder_ / "whole/train_log.jsonl")),
              "");
  }
  nlohmann::json config() const { return io::read_json(folder_ / "model/config.json"); }
  std::string log() const { return folder_ / "model/train_log.jsonl"; }

  TempFolder folder_;
};

}  // namespace dnabird::support
