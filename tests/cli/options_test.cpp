// What a user can type wrong: one line that names it, exit code 2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "support/process.h"

namespace dnabird {
namespace {

using support::ProcessResult;
using support::run_dnabird;
using testing::HasSubstr;
using testing::StartsWith;
using Words = std::vector<std::string>;

constexpr const char* kCommands[] = {"score",    "annotate", "embed", "tokenize", "pretrain",
                                     "finetune", "evaluate", "info",  "convert"};

TEST(Overview, NamesEveryCommand) {
  for (const Words& words : {Words{}, Words{"--help"}, Words{"-h"}}) {
    const ProcessResult result = run_dnabird(words);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.err, "");
    for (const char* command : kCommands) {
      EXPECT_THAT(result.out, HasSubstr("\n  " + std::string(command) + " "));
    }
  }
}

TEST(Overview, Version) {
  const ProcessResult result = run_dnabird({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, testing::MatchesRegex("dnabird [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Overview, HelpOfEveryCommandHasOptionsAndExamples) {
  for (const char* command : kCommands) {
    // Help is wanted most when the rest of the line is wrong.
    for (const Words& words : {Words{command, "--help"}, Words{command, "--no-such", "x", "-h"}}) {
      const ProcessResult result = run_dnabird(words);
      EXPECT_EQ(result.exit_code, 0) << command;
      EXPECT_EQ(result.err, "") << command;
      EXPECT_THAT(result.out, StartsWith("Usage: dnabird " + std::string(command) + " "));
      EXPECT_THAT(result.out, HasSubstr("-v, --verbose"));
      EXPECT_THAT(result.out, HasSubstr("\nExamples:\n"));
    }
  }
}

struct Mistake {
  Words words;
  std::vector<std::string> parts;  // of the line
};

/// In the names of the tests.
void PrintTo(const Mistake& mistake, std::ostream* out) {
  for (const std::string& word : mistake.words) *out << word << ' ';
}

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, OneLineAndExitCodeTwo) {
  const ProcessResult result = run_dnabird(GetParam().words);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err_lines(), 1) << result.err;
  for (const std::string& part : GetParam().parts) EXPECT_THAT(result.err, HasSubstr(part));
}

INSTANTIATE_TEST_SUITE_P(
    Commands, Mistakes,
    testing::Values(Mistake{{"scoer"}, {"dnabird: error: unknown command 'scoer'", "'score'"}},
                    Mistake{{"xyzzy"}, {"unknown command 'xyzzy' (dnabird --help"}},
                    Mistake{{"--flag"}, {"unknown command '--flag'"}}));

INSTANTIATE_TEST_SUITE_P(
    Options, Mistakes,
    testing::Values(
        Mistake{{"score", "--refrence", "a.fa", "b.vcf"},
                {"dnabird score: error: unknown option '--refrence'", "'--reference'",
                 "dnabird score --help"}},
        Mistake{{"annotate", "--zzzzz", "a.fa"}, {"unknown option '--zzzzz' (see"}},
        Mistake{{"score", "-Z"}, {"unknown option '-Z'"}},
        Mistake{{"score", "--ref", "a.fa", "b.vcf"}, {"unknown option '--ref'", "'--reference'"}},
        Mistake{{"score", "b.vcf", "-f"}, {"option '--reference' needs a value"}},
        Mistake{{"score", "-f", "--output", "o.vcf", "b.vcf"}, {"'--reference' needs a value"}},
        Mistake{{"score", "--reference=", "b.vcf"}, {"'--reference' needs a value"}},
        Mistake{{"score", "-f", "", "b.vcf"}, {"'--reference' needs a value"}},
        Mistake{{"score", "-f", "a.fa", "-f", "a.fa", "b.vcf"},
                {"option '--reference' is given twice"}},
        Mistake{{"info", "--json=yes"}, {"option '--json' takes no value"}},
        Mistake{{"info", "-v", "-q"}, {"--verbose and --quiet exclude each other"}}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, Mistakes,
    testing::Values(
        Mistake{{"tokenize", "--kmer", "three", "a.fa"}, {"--kmer: 'three' is not a whole number"}},
        Mistake{{"tokenize", "--kmer", "3.5", "a.fa"}, {"--kmer: '3.5' is not a whole number"}},
        Mistake{{"tokenize", "--kmer", "99999999999", "a.fa"},
                {"--kmer: 99999999999 is too large"}},
        Mistake{{"tokenize", "--kmer", "9", "a.fa"}, {"k"}},
        Mistake{{"tokenize", "--kmer", "4", "--stride", "2", "a.fa"}, {"stride"}},
        Mistake{{"tokenize", "--stride", "2", "a.fa"}, {"--stride needs --kmer"}},
        Mistake{{"score", "--seed", "-1", "-f", "a.fa", "b.vcf"}, {"--seed: -1 is too small"}},
        Mistake{{"annotate", "--threshold", "nan", "a.fa"}, {"--threshold: 'nan' is not a number"}},
        Mistake{{"annotate", "--threshold", "1.5", "a.fa"}, {"--threshold", "1.5"}}));

INSTANTIATE_TEST_SUITE_P(
    Arguments, Mistakes,
    testing::Values(
        Mistake{{"score", "-f", "a.fa"}, {"missing argument", "usage: dnabird score"}},
        Mistake{{"score", "b.vcf"}, {"--reference"}},
        Mistake{{"score", "-f", "a.fa", "b.vcf", "c.vcf"}, {"unexpected argument 'c.vcf'"}},
        Mistake{{"tokenize", "-m", "x", "--kmer", "3", "a.fa"}, {"--model and --kmer"}},
        Mistake{{"score", "-f", "a.fa", "--scores", "llr,prm", "b.vcf"}, {"'prm'", "'prom'"}},
        Mistake{{"score", "-f", "a.fa", "--check-ref", "maybe", "b.vcf"},
                {"--check-ref", "'maybe'", "warn, exit or skip"}},
        Mistake{{"score", "-f", "a.fa", "-O", "x", "b.vcf"}, {"'x'"}},
        Mistake{{"score", "-f", "a.fa", "-m", "no-such-model", "b.vcf"}, {"'no-such-model'"}},
        Mistake{{"score", "-f", "a.fa", "--device", "gpu", "b.vcf"}, {"--device gpu"}},
        Mistake{{"score", "-f", "a.fa", "--precision", "f8", "b.vcf"}, {"--precision f8"}},
        Mistake{{"score", "-f", "a.fa", "--threads", "-1", "b.vcf"}, {"--threads"}},
        Mistake{{"score", "-f", "a.fa", "--batch-size", "-1", "b.vcf"}, {"--batch-size"}}));

}  // namespace
}  // namespace dnabird
