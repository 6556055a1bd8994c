// dnabird_bench as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "benchmarks/options.h"
#include "core/errors.h"
#include "support/process.h"

namespace dnabird {
namespace {

using testing::HasSubstr;

TEST(Bench, PrintsLimitsAndTheKernelsThatAreAskedFor) {
  const support::ProcessResult done =
      support::run_process({DNABIRD_BENCH, "--threads", "1", "--filter", "gather rows 1440"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("matrix product 1536 x 1536 -> 1536"));
  EXPECT_THAT(done.out, HasSubstr("triad"));
  EXPECT_THAT(done.out, HasSubstr("gather rows "));
  EXPECT_THAT(done.out, testing::Not(HasSubstr("scatter rows")));
}

TEST(Bench, ScalingComparesWithOneThread) {
  const support::ProcessResult done =
      support::run_process({DNABIRD_BENCH, "--threads", "2", "--precision", "f32", "--scaling",
                            "--filter", "layer forward small 1 x 4096"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("over 1 thread"));
  EXPECT_THAT(done.out,
              testing::ContainsRegex(
                  "layer forward +small 1 x 4096 .* % of product .*[0-9]\\.[0-9][0-9]\n"));
}

TEST(Bench, ListsOfTheSparseCases) {
  const support::ProcessResult done = support::run_process({DNABIRD_BENCH, "--lists"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  int lines = 0;
  std::map<int, int> pairs;  // by head
  std::istringstream in(done.out);
  for (std::string line; std::getline(in, line); ++lines) {
    std::istringstream words(line);
    int head = -1, row = -1, last = -1;
    ASSERT_TRUE(words >> head >> row);
    for (int key; words >> key; last = key) {
      EXPECT_GT(key, last) << line;
      ++pairs[head];
    }
    EXPECT_EQ(last, 63) << line;
  }
  EXPECT_EQ(lines, 12 * 64);
  EXPECT_EQ(pairs.size(), 12u);
  for (const auto& [head, count] : pairs) EXPECT_EQ(count, 622) << head;
}

TEST(Bench, FilterThatMatchesNothingIsAnError) {
  const support::ProcessResult done =
      support::run_process({DNABIRD_BENCH, "--threads", "1", "--filter", "no such case"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.err, HasSubstr("no such case"));
}

TEST(Bench, OptionsThatCannotBeMeantAreRefused) {
  using benchmarks::parse_bench_options;
  EXPECT_THROW(parse_bench_options({"--thread", "1"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--threads"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--threads", "two"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--clock", "cpu"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--precision", "f16"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--clock", "processor"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--threads", "1", "--scaling"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--device", "gpu"}), core::UsageError);
  EXPECT_THROW(parse_bench_options({"--device", "cuda", "--scaling"}), core::UsageError);
  EXPECT_EQ(parse_bench_options({}).device, "cpu");
  EXPECT_EQ(parse_bench_options({"--device", "cuda:1"}).device, "cuda:1");
  EXPECT_EQ(parse_bench_options({"--clock", "processor", "--threads", "1"}).threads, 1);
  EXPECT_TRUE(parse_bench_options({"--scaling"}).scaling);
}

}  // namespace
}  // namespace dnabird
