// Names and checks that reading and writing a configuration share.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "model/model_config.h"

namespace dnabird::model {

/// The names of a task here and as the field's `problem_type`.
struct TaskNames {
  HeadTask task;
  const char* ours;
  const char* problem_type;
};
inline constexpr std::array<TaskNames, 4> kTasks{{
    {HeadTask::none, "none", nullptr},
    {HeadTask::classification, "classification", "single_label_classification"},
    {HeadTask::multi_label, "multi_label", "multi_label_classification"},
    {HeadTask::regression, "regression", "regression"},
}};

inline const TaskNames& names_of(HeadTask task) { return kTasks[static_cast<std::size_t>(task)]; }

/// Tokens of a vocabulary of k-mers: five special ones and 4^k.
constexpr std::int64_t kmer_vocabulary(int k) { return 5 + (std::int64_t{1} << (2 * k)); }

/// "model configuration: KEY is VALUE, expected EXPECTED"
[[noreturn]] void refuse_value(const std::string& key, const std::string& value,
                               const std::string& expected);
void expect_value(bool condition, const std::string& key, const std::string& value,
                  const std::string& expected);

}  // namespace dnabird::model
