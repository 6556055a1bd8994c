// Scores of 200 real variants with the tiny model, kept as numbers (tests/golden/score/README.md),
// through every kind of input and output.
#include "support/score_cli.h"

namespace dnabird {
namespace {

using support::ProcessResult;
using support::read_text;
using support::run_process;
using support::split_text;
using support::test_data;

constexpr const char* kFields =
    "%CHROM\t%POS\t%REF\t%ALT\t%DNABIRD_LLR\t%DNABIRD_PROM\t%DNABIRD_DIST\t%DNABIRD_STATUS\n";

// A part with every kind of variant, for most of the cases.
constexpr const char* kPart = "z:35000-36900,z:42200-44700";
bool is_in_part(long position) {
  return (position >= 35000 && position <= 36900) || (position >= 42200 && position <= 44700);
}

class ScoreGolden : public support::ScoreCli {
 protected:
  /// The stored numbers are of f32, which every processor computes.
  static ProcessResult score(std::vector<std::string> words,
                             const support::ProcessOptions& options = {}) {
    words.insert(words.end(), {"--precision", "f32"});
    return ScoreCli::score(words, options);
  }
  static std::vector<std::string> golden() {
    const std::string path = test_data("../golden/score/small.tiny.tsv");
    return split_text(read_text(path), '\n');
  }
  static std::vector<std::string> golden_part() {
    std::vector<std::string> lines = golden();
    std::erase_if(lines, [](const std::string& line) {
      return !is_in_part(std::stol(split_text(line, '\t')[1]));
    });
    return lines;
  }

  /// The fields of a scored file, as another program reads it.
  static std::vector<std::string> fields_of(const std::string& path) {
    const ProcessResult result = run_process({"bcftools", "query", "-f", kFields, path});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return split_text(result.out, '\n');
  }

  /// Texts equal, numbers within what instruction sets make of f32.
  static void expect_golden(const std::vector<std::string>& lines,
                            const std::vector<std::string>& expected) {
    ASSERT_EQ(lines.size(), expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::vector<std::string> is = split_text(lines[i], '\t');
      const std::vector<std::string> was = split_text(expected[i], '\t');
      ASSERT_EQ(is.size(), was.size());
      for (std::size_t f = 0; f < is.size(); ++f) {
        if (f < 4 || f == 7) {
          EXPECT_EQ(is[f], was[f]) << lines[i];
        } else {
          // A distance is small: its last digits count.
          expect_near(is[f], was[f], f == 6 ? 1e-6 : 2e-4);
        }
      }
    }
  }

 private:
  static void expect_near(const std::string& is, const std::string& was, double least) {
    const std::vector<std::string> numbers = split_text(is, ','), expected = split_text(was, ',');
    ASSERT_EQ(numbers.size(), expected.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (expected[i] == ".") {
        EXPECT_EQ(numbers[i], ".");
      } else {
        const double value = std::stod(expected[i]);
        EXPECT_NEAR(std::stod(numbers[i]), value, 2e-3 * std::abs(value) + least);
      }
    }
  }
};

TEST_F(ScoreGolden, TheNumbersSaySomething) {
  double llr = 0, prom = 0;
  int n_several = 0, n_deletions = 0;
  for (const std::string& line : golden()) {
    const std::vector<std::string> field = split_text(line, '\t');
    n_several += field[3].find(',') != std::string::npos;
    if (field[7] != "OK") continue;
    llr += std::abs(std::stod(field[4]));
    prom += std::abs(std::stod(field[5]));
    EXPECT_GT(std::stod(field[6]), 0);
    n_deletions += field[2].size() > 1;
  }
  EXPECT_GT(llr, 50);
  EXPECT_GT(prom, 10);
  EXPECT_EQ(n_several, 5);
  EXPECT_GT(n_deletions, 5);
}

TEST_F(ScoreGolden, AllOfThem) {
  const std::string output = folder_ / "out.vcf.gz";
  const ProcessResult result = score({test_data("small.vcf.gz"), "-o", output});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              testing::EndsWith("dnabird: 200 records in, 200 out; 205 alleles: 202 OK, "
                                "3 SYMBOLIC\n"));
  expect_golden(fields_of(output), golden());
  // Other programs read it, and agree with its REF.
  const ProcessResult normed =
      run_process({"bcftools", "norm", "-c", "e", "-f", test_data("small.fa"), output});
  EXPECT_EQ(normed.exit_code, 0) << normed.err;
  const ProcessResult filtered =
      run_process({"bcftools", "view", "-H", "-i", "DNABIRD_STATUS=\"SYMBOLIC\"", output});
  EXPECT_EQ(filtered.exit_code, 0) << filtered.err;
  EXPECT_EQ(split_text(filtered.out, '\n').size(), 3u);
  EXPECT_EQ(run_process({"tabix", "-p", "vcf", output}).exit_code, 0);
}

TEST_F(ScoreGolden, FromEveryKindOfInput) {
  ASSERT_GT(golden_part().size(), 20u);
  for (const char* input : {"small.vcf", "small.vcf.gz", "small.bcf", "small_gaps.bcf"}) {
    SCOPED_TRACE(input);
    const std::string output = folder_ / "out.vcf";
    ASSERT_EQ(score({test_data(input), "-t", kPart, "-o", output}).exit_code, 0);
    expect_golden(fields_of(output), golden_part());
  }
}

TEST_F(ScoreGolden, FromStandardInputToStandardOutput) {
  for (const char* input : {"small.vcf", "small.vcf.gz", "small.bcf"}) {
    SCOPED_TRACE(input);
    const std::string output = folder_ / "out";
    const ProcessResult result =
        score({"-", "-t", kPart}, {.stdin_path = test_data(input), .stdout_path = output});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    expect_golden(fields_of(output), golden_part());
  }
}

TEST_F(ScoreGolden, ToEveryKindOfOutput) {
  const auto first_bytes = [](const std::string& path) { return read_text(path).substr(0, 3); };
  constexpr const char* kText = "##f";
  constexpr const char* kBgzip = "\x1f\x8b\x08";
  using Kind = std::pair<std::string, const char*>;
  for (const auto& [name, bytes] :
       {Kind{"out.vcf", kText}, Kind{"out.vcf.gz", kBgzip}, Kind{"out.bcf", kBgzip}}) {
    SCOPED_TRACE(name);
    // The suffix wins.
    ASSERT_EQ(
        score({test_data("small.vcf"), "-t", kPart, "-O", "u", "-o", folder_ / name}).exit_code, 0);
    EXPECT_EQ(first_bytes(folder_ / name), bytes);
    expect_golden(fields_of(folder_ / name), golden_part());
  }
  for (const auto& [type, bytes] :
       {Kind{"v", kText}, Kind{"z", kBgzip}, Kind{"u", "BCF"}, Kind{"b", kBgzip}}) {
    SCOPED_TRACE(type);
    const std::string output = folder_ / "typed";
    ASSERT_EQ(score({test_data("small.vcf"), "-t", kPart, "-O", type, "-o", output}).exit_code, 0);
    EXPECT_EQ(first_bytes(output), bytes);
    expect_golden(fields_of(output), golden_part());
  }
  // No index and no temporary file is left.
  EXPECT_EQ(folder_.names(),
            (std::vector<std::string>{"out.bcf", "out.vcf", "out.vcf.gz", "typed"}));
}

}  // namespace
}  // namespace dnabird
