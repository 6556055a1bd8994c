// Several devices write, say and refuse what one does. Parts of the CPU stand for them: all but the
// kernels is what several GPUs run through.
#include "support/score_cli.h"

namespace dnabird {
namespace {

using support::first_difference;
using support::ProcessResult;
using support::run_process;
using support::test_data;
using support::VcfText;
using testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr const char* kLists[] = {"cpu,cpu", "cpu,cpu,cpu"};

class ScoreDevices : public support::ScoreCli {
 protected:
  /// Enough for many chunks, some with records that go past the model: every seventh is symbolic,
  /// every eleventh has another REF. (N stands for any base.)
  std::string write_many(int n) const {
    std::vector<std::string> records;
    for (int i = 0; i < n; ++i) {
      const std::string position = std::to_string(100 + 3 * i);
      const char* rest = i % 7 == 3 ? " N <DEL>" : (i % 11 == 5 ? " NNNNNNA T" : " N A,CC");
      records.push_back(position + rest);
    }
    return write_vcf(records);
  }

  static Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  /// What it said, but for the speed.
  static std::string said(const ProcessResult& result) {
    std::string lines;
    for (const std::string& line : support::split_text(result.err, '\n')) {
      if (line.find("alleles an hour") == std::string::npos) lines += line + "\n";
    }
    return lines;
  }

  /// Refused with the line that one device has, and no file is left.
  void expect_same_fault(const Words& words, const Words& parts) {
    const Words before = folder_.names();
    const Words call = with(words, {"-o", folder_ / "out.vcf.gz"});
    const ProcessResult one = score(with(call, {"--device", "cpu"}));
    EXPECT_EQ(one.exit_code, 1);
    EXPECT_EQ(one.err_lines(), 1) << one.err;
    for (const std::string& part : parts) EXPECT_THAT(one.err, HasSubstr(part));
    for (const char* list : kLists) {
      for (const char* threads : {"1", "4"}) {
        const ProcessResult several = score(with(call, {"--device", list, "--threads", threads}));
        EXPECT_EQ(several.exit_code, 1) << list;
        EXPECT_EQ(several.err, one.err) << list;
        EXPECT_EQ(folder_.names(), before) << list;
      }
    }
  }
};

TEST_F(ScoreDevices, WriteTheSameRecords) {
  const Words call = {write_many(1200), "-m", model("quick")};
  const ProcessResult one = score(with(call, {"--device", "cpu"}));
  ASSERT_EQ(one.exit_code, 0) << one.err;
  ASSERT_THAT(said(one), HasSubstr("REF_MISMATCH"));
  for (const char* list : kLists) {
    for (const char* threads : {"1", "4"}) {
      const ProcessResult several = score(with(call, {"--device", list, "--threads", threads}));
      ASSERT_EQ(several.exit_code, 0) << several.err;
      EXPECT_EQ(first_difference(VcfText(several.out).without_command().text(),
                                 VcfText(one.out).without_command().text()),
                "")
          << list;
      EXPECT_EQ(said(several), said(one)) << list;
    }
  }
}

TEST_F(ScoreDevices, WriteTheSameRecordsInBcf) {
  const auto records = [&](const char* device) {
    const std::string output = folder_ / "out.bcf";
    const ProcessResult result =
        score({test_data("small.bcf"), "-m", model("quick"), "--device", device, "-o", output});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return VcfText(run_process({"bcftools", "view", "--no-version", output}).out)
        .without_command()
        .text();
  };
  const std::string one = records("cpu");
  EXPECT_THAT(one, HasSubstr("DNABIRD_LLR="));
  EXPECT_EQ(first_difference(records("cpu,cpu"), one), "");
}

TEST_F(ScoreDevices, FewerRecordsThanDevices) {
  for (const Words& records : {Words{}, Words{"226 A T"}}) {
    const std::string input = write_vcf(records);
    EXPECT_EQ(scored({input, "--device", "cpu,cpu,cpu"}).without_command().text(),
              scored({input}).without_command().text());
  }
}

TEST_F(ScoreDevices, StopAtTheFirstRecordThatDiffers) {
  Words records(500, "226 A <DEL>");
  records[331] = "227 G A";
  records[332] = "228 N <DEL>";
  records[480] = "229 NNN T";
  records[490] = "50000 NN T";
  expect_same_fault({write_vcf(records), "-m", model("quick"), "--check-ref", "exit"},
                    {"z:227: REF is 'G'", "same genome build"});
}

TEST_F(ScoreDevices, StopWhereAScorerDoes) {
  io::ModelFolder folder = support::TinyModelWriter({.channels = 8,
                                                     .feed_forward = 8,
                                                     .layers = 1,
                                                     .heads = 1,
                                                     .positions = 64,
                                                     .window_bases = 40})
                               .make();
  // Weights that are finite, and logits that never are.
  auto& tensors = folder.weights.tensors;
  tensors["classifier.dense.bias"] = io::HostTensor::from_floats({8}, std::vector<float>(8, 1e3F));
  tensors["classifier.out_proj.weight"] =
      io::HostTensor::from_floats({2, 8}, std::vector<float>(16, 3e38F));
  io::write_model_folder(folder_ / "overflows", folder);
  Words records(300, "226 A <DEL>");
  for (int i = 0; i < 200; ++i) records.push_back(std::to_string(1001 + i) + " N A");
  expect_same_fault({write_vcf(records), "-m", folder_ / "overflows"}, {"not finite at z:1001;"});
}

TEST_F(ScoreDevices, SayTheMeanOfTheirTimes) {
  const Words call = {test_data("small.vcf"), "-m", model("quick"), "-v", "--device"};
  EXPECT_THAT(score(with(call, {"cpu,cpu"})).err,
              testing::ContainsRegex("[0-9.]+ % of the time outside the encoder and its heads, "
                                     "mean of 2 devices\n"));
  EXPECT_THAT(score(with(call, {"cpu"})).err, HasSubstr("outside the encoder and its heads\n"));
}

TEST_F(ScoreDevices, ListsThatMakeNoSense) {
  for (const auto& [list, part] : {std::pair{"cpu,", "item 2 is empty"},
                                   {"cpu,cuda:0", "the CPU and GPUs do not share a run"},
                                   {"cuda:0,cuda", "cuda:0 is named twice"},
                                   {"cpu,tpu", "'tpu': expected cpu, cuda or cuda:N"},
                                   {"cuda:98,cuda:99", "cuda:98"}}) {
    const ProcessResult result = score({test_data("small.vcf"), "--device", list});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    EXPECT_THAT(result.err,
                testing::StartsWith(std::string("dnabird score: error: --device ") + list + ": "));
    EXPECT_THAT(result.err, HasSubstr(part));
  }
}

}  // namespace
}  // namespace dnabird
