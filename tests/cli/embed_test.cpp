// dnabird embed, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "core/rng.h"
#include "io/safetensors.h"
#include "support/npy.h"
#include "support/process.h"
#include "support/table.h"
#include "support/temp_folder.h"
#include "support/test_data.h"
#include "support/tiny_model.h"

namespace dnabird {
namespace {

using support::NpyMatrix;
using support::ProcessResult;
using support::read_npy;
using support::read_text;
using support::Rows;
using support::rows_of;
using support::TempFolder;
using support::write_text;
using testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr int kChannels = 16;

std::string random_bases(int n, core::Rng& rng) {
  std::string bases;
  for (int i = 0; i < n; ++i) bases += "ACGT"[rng.below(4)];
  return bases;
}

std::string reverse_complement(const std::string& bases) {
  std::string result;
  for (auto base = bases.rbegin(); base != bases.rend(); ++base) {
    result += std::string("TGCAN")[std::string("ACGTN").find(*base)];
  }
  return result;
}

class Embed : public testing::Test {
 protected:
  Embed() {
    support::write_tiny_model(folder_ / "tiny");  // 320 positions, k 3, windows of 200
    core::Rng rng(4);
    for (const int n : {120, 30, 318, 31, 5, 64, 65, 200})
      sequences_.push_back(random_bases(n, rng));
    sequences_[0].replace(50, 3, "NNN");
    std::string fasta, csv = "sequence,name\n";
    for (std::size_t i = 0; i < sequences_.size(); ++i) {
      const std::string name = "s" + std::to_string(i);
      fasta += ">" + name + " of a test\n" + sequences_[i] + "\n";
      csv += sequences_[i] + "," + name + "\n";
    }
    write_text(folder_ / "in.fa", fasta);
    write_text(folder_ / "in.csv", csv);
    genome_ = random_bases(2000, rng);
    genome_[1000] = 'G';
    write_text(folder_ / "genome.fa", ">chr1\n" + genome_ + "\n>chr2\nACGTACGTAC\n");
    write_text(folder_ / "genome.fa.fai", "chr1\t2000\t6\t2000\t2001\nchr2\t10\t2013\t10\t11\n");
  }

  ProcessResult run(Words words, const support::ProcessOptions& options = {}) const {
    words.insert(words.begin(), {"embed", "-m", folder_ / "tiny"});
    return support::run_dnabird(words, options);
  }

  /// What it writes to a file of that name.
  std::string written(Words words, const std::string& name) const {
    words.insert(words.end(), {"-q", "-o", folder_ / name});
    const ProcessResult result = run(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out + result.err, "");
    return folder_ / name;
  }
  NpyMatrix array(const Words& words) const { return read_npy(written(words, "array.npy")); }
  Rows table(const Words& words) const { return rows_of(read_text(written(words, "rows.tsv"))); }
  io::TensorFile tensors(Words words) const {
    words.insert(words.end(), {"--pool", "tokens"});
    return io::read_safetensors(written(words, "tokens.safetensors"));
  }

  /// One vector per text, from a FASTA of these.
  NpyMatrix array_of(const Words& bases) const {
    std::string fasta;
    for (const std::string& text : bases) fasta += ">a\n" + text + "\n";
    write_text(folder_ / "of.fa", fasta);
    return array({folder_ / "of.fa"});
  }

  /// Refused with one line of these parts, and no file more.
  void expect_refused(const Words& words, int exit_code, const Words& parts) const {
    const Words before = folder_.names();
    const ProcessResult result = run(words);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(folder_.names(), before);
  }

  TempFolder folder_;
  Words sequences_;
  std::string genome_;  // chr1
};

TEST_F(Embed, AnArrayOfOneRowPerSequenceInTheirOrder) {
  const NpyMatrix all = array({folder_ / "in.fa"});
  ASSERT_EQ(all.rows, static_cast<std::int64_t>(sequences_.size()));
  ASSERT_EQ(all.columns, kChannels);
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    EXPECT_EQ(array_of({sequences_[i]}).values, all.row(static_cast<std::int64_t>(i))) << i;
  }
  EXPECT_NE(all.row(0), all.row(1));
}

TEST_F(Embed, TextHasTheSameNumbersUnderTheNames) {
  for (const std::string pool : {"mean", "cls"}) {
    const NpyMatrix all = array({folder_ / "in.fa", "--pool", pool});
    const Rows rows = table({folder_ / "in.fa", "--pool", pool});
    ASSERT_EQ(rows.size(), sequences_.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i].size(), kChannels + 1u);
      EXPECT_EQ(rows[i][0], "s" + std::to_string(i));
      for (std::size_t c = 0; c < kChannels; ++c) {
        EXPECT_EQ(std::strtof(rows[i][c + 1].c_str(), nullptr), all.values[i * kChannels + c]);
      }
    }
  }
}

TEST_F(Embed, TokensHoldWhatIsPooled) {
  const io::TensorFile file = tensors({folder_ / "in.fa"});
  ASSERT_EQ(file.tensors.size(), sequences_.size());
  const NpyMatrix mean = array({folder_ / "in.fa"});
  const NpyMatrix cls = array({folder_ / "in.fa", "--pool", "cls"});
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const io::HostTensor& tensor = file.tensors.at("s" + std::to_string(i));
    const auto n = static_cast<std::int64_t>(sequences_[i].size());  // n - 2 k-mers, [CLS], [SEP]
    EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{n, kChannels}));
    const std::vector<float> states = tensor.floats();
    const auto row = static_cast<std::int64_t>(i);
    EXPECT_EQ(std::vector<float>(states.begin(), states.begin() + kChannels), cls.row(row));
    for (int c = 0; c < kChannels; ++c) {
      double sum = 0;
      for (std::int64_t t = 1; t + 1 < n; ++t) sum += states[t * kChannels + c];
      EXPECT_NEAR(mean.row(row)[c], sum / static_cast<double>(n - 2), 1e-5);
    }
  }
  EXPECT_THAT(file.metadata.at("model"),
              testing::MatchesRegex("tiny sha256=[0-9a-f]{64} precision=b?f[0-9]+"));
  EXPECT_THAT(file.metadata.at("command"), HasSubstr("dnabird embed"));
}

TEST_F(Embed, TheSameBytesForAnyThreadsAndBatch) {
  const std::string array = read_text(written({folder_ / "in.fa"}, "array.npy"));
  const io::TensorFile states = tensors({folder_ / "in.fa"});
  for (const char* threads : {"1", "2"}) {
    for (const char* batch : {"1", "3"}) {
      const Words words = {folder_ / "in.fa", "--threads", threads, "--batch-size", batch};
      EXPECT_EQ(read_text(written(words, "array.npy")), array);
      for (const auto& [name, tensor] : tensors(words).tensors) {
        EXPECT_EQ(tensor.bytes, states.tensors.at(name).bytes) << name;
      }
    }
  }
}

TEST_F(Embed, ReadsFastqCsvAndStandardInput) {
  const NpyMatrix expected = array({folder_ / "in.fa"});
  EXPECT_EQ(array({folder_ / "in.csv"}).values, expected.values);
  EXPECT_EQ(table({folder_ / "in.csv"})[3][0], "s3");
  write_text(folder_ / "in.fq", "@q\n" + sequences_[0] + "\n+\n" + sequences_[0] + "\n");
  EXPECT_EQ(array({folder_ / "in.fq"}).values, expected.row(0));
  const ProcessResult piped = run({"-"}, {.stdin_path = folder_ / "in.fa"});
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_EQ(rows_of(piped.out), table({folder_ / "in.fa"}));
  EXPECT_THAT(piped.err, testing::MatchesRegex(
                             "dnabird: 8 sequences, 833 bases, 833 tokens: 16 numbers each, of "
                             "model tiny sha256=[0-9a-f]+ precision=b?f[0-9]+\n"));
  EXPECT_THAT(piped.out, testing::StartsWith("#dnabird=0."));
  EXPECT_THAT(piped.out, HasSubstr("\n#pool=mean\ns0\t"));
  EXPECT_EQ(array({folder_ / "in.fa", folder_ / "in.csv"}).rows, 16) << "several files";
}

TEST_F(Embed, RegionsAreTheSequencesOfTheirBases) {
  const NpyMatrix expected =
      array_of({genome_.substr(1000, 100), genome_.substr(1990), genome_.substr(0, 50)});
  const Words words = {"-r", "chr1:1,001-1100,1:1991-2500,chr1:1-50", folder_ / "genome.fa"};
  const Rows rows = table(words);
  ASSERT_EQ(rows.size(), 3u) << "in the order that was given, not merged";
  EXPECT_EQ(rows[0][0], "chr1:1001-1100");
  EXPECT_EQ(rows[1][0], "1:1991-2000") << "cut at the contig's end";
  EXPECT_EQ(rows[2][0], "chr1:1-50");
  EXPECT_EQ(array(words).values, expected.values);
}

TEST_F(Embed, ABedGivesNamesAndStrands) {
  write_text(folder_ / "r.bed",
             "chr1\t100\t200\tup\t0\t+\nchr1\t150\t220\tdown\t0\t-\nchr1\t0\t9\n");
  const Words words = {"-R", folder_ / "r.bed", folder_ / "genome.fa"};
  const NpyMatrix expected =
      array_of({genome_.substr(100, 100), reverse_complement(genome_.substr(150, 70)),
                genome_.substr(0, 9)});
  EXPECT_EQ(array(words).values, expected.values);
  const Rows rows = table(words);
  EXPECT_EQ(rows[0][0], "up");
  EXPECT_EQ(rows[1][0], "down");
  EXPECT_EQ(rows[2][0], "chr1:1-9");
}

class EmbedVariants : public Embed {
 protected:
  EmbedVariants() {
    const std::string header =
        "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    const std::string records = "1\t1001\t.\tG\tA,<DEL>,ACC\t.\t.\t.\n1\t1001\t.\tN\tT\t.\t.\t.\n";
    write_text(folder_ / "in.vcf", header + records);
    write_text(folder_ / "mismatch.vcf", header + records + "1\t1001\t.\tC\tT\t.\t.\t.\n");
  }
  const Words words_ = {"-f", folder_ / "genome.fa", folder_ / "in.vcf"};
};

TEST_F(EmbedVariants, OneRowPerAlleleOfItsWindow) {
  const std::string left = genome_.substr(901, 99);  // of a window of 200
  const NpyMatrix expected =
      array_of({left + "A" + genome_.substr(1001, 100), left + "ACC" + genome_.substr(1001, 98),
                left + "T" + genome_.substr(1001, 100)});
  const NpyMatrix alternate = array(words_);
  ASSERT_EQ(alternate.rows, 4);
  EXPECT_EQ(alternate.row(0), expected.row(0));
  EXPECT_EQ(alternate.row(2), expected.row(1));
  EXPECT_EQ(alternate.row(3), expected.row(2));
  for (const float value : alternate.row(1)) EXPECT_TRUE(std::isnan(value));
  Words words = words_;
  words.insert(words.end(), {"--allele", "ref"});
  const NpyMatrix reference = array(words);
  EXPECT_EQ(reference.row(0), array_of({genome_.substr(901, 200)}).values);
  EXPECT_EQ(reference.row(2), reference.row(0));
  EXPECT_TRUE(std::isnan(reference.row(1)[0]));
}

TEST_F(EmbedVariants, NamesCountsAndWarning) {
  const ProcessResult result = run({"-f", folder_ / "genome.fa", folder_ / "mismatch.vcf"});
  EXPECT_EQ(result.exit_code, 0);
  const Rows rows = rows_of(result.out);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0][0], "1:1001:G:A");
  EXPECT_EQ(rows[1][0], "1:1001:G:<DEL>");
  EXPECT_EQ(rows[1][1], "nan");
  EXPECT_EQ(rows[2][0], "1:1001:G:ACC");
  EXPECT_EQ(rows[4][1], "nan");
  EXPECT_THAT(result.err,
              HasSubstr("1 record differ from the reference (first: 1:1001: REF is 'C'"));
  EXPECT_THAT(result.err, HasSubstr("5 alleles: 3 OK, 1 REF_MISMATCH, 1 SYMBOLIC"));
  EXPECT_THAT(result.err, HasSubstr("3 windows, 600 bases"));
}

TEST_F(EmbedVariants, RegionsPickRecordsThroughTheIndex) {
  const std::string data = support::test_data_folder();
  const Rows rows = rows_of(
      run({"-f", data + "/small.fa", "-r", "z:1001-3000", "-q", data + "/small.vcf.gz"}).out);
  ASSERT_GT(rows.size(), 3u);
  for (const std::vector<std::string>& row : rows) {
    const std::int64_t position = std::stoll(row[0].substr(2));
    EXPECT_TRUE(position >= 1001 && position <= 3000) << row[0];
  }
}

TEST_F(EmbedVariants, TokensOfWhatHasNoWindowAreNone) {
  const io::TensorFile file = tensors(words_);
  EXPECT_EQ(file.tensors.at("1:1001:G:A").shape, (std::vector<std::int64_t>{200, kChannels}));
  EXPECT_EQ(file.tensors.at("1:1001:G:<DEL>").shape, (std::vector<std::int64_t>{0, kChannels}));
}

TEST_F(Embed, ASequenceLongerThanThePositionsIsRefused) {
  core::Rng rng(1);
  write_text(folder_ / "long.fa", ">ok\nACGTACGT\n>too_long\n" + random_bases(321, rng) + "\n");
  for (const std::string pool : {"mean", "cls"}) {
    expect_refused({folder_ / "long.fa", "--pool", pool, "-o", folder_ / "out.npy"}, 1,
                   {"long.fa': sequence 'too_long' of 321 bases has 321 tokens", "320 positions",
                    "score and annotate cut windows"});
  }
  expect_refused({"-r", "chr1", folder_ / "genome.fa"}, 1,
                 {"region 'chr1:1-2000' of 2,000 bases", "320 positions"});
}

TEST_F(Embed, InputsThatAreWrong) {
  write_text(folder_ / "short.fa", ">a\nACGT\n>b\nAC\n");
  expect_refused({folder_ / "short.fa"}, 1, {"short.fa': sequence 'b' of 2 bases is too short"});
  write_text(folder_ / "twice.fa", ">a\nACGT\n>b\nACGT\n>a\nACGA\n");
  expect_refused({folder_ / "twice.fa", "--pool", "tokens", "-o", folder_ / "x.safetensors"}, 1,
                 {"twice.fa': sequence 'a': there is another of this name"});
  EXPECT_EQ(array({folder_ / "twice.fa"}).rows, 3);
  write_text(folder_ / "odd.fa", ">__metadata__\nACGT\n");
  expect_refused({folder_ / "odd.fa", "--pool", "tokens", "-o", folder_ / "x.safetensors"}, 1,
                 {"'__metadata__': a tensor cannot have this name"});
  expect_refused({"-r", "chr9:1-5", folder_ / "genome.fa"}, 1,
                 {"region 'chr9'", "genome.fa' has no such contig; it has chr1, ..."});
  expect_refused({"-r", "chr1:3000-3005", folder_ / "genome.fa"}, 1,
                 {"region 'chr1:3000': the contig ends at 2000"});
  write_text(folder_ / "empty.bed", "chr1\t5\t5\n");
  expect_refused({"-R", folder_ / "empty.bed", folder_ / "genome.fa"}, 1, {"of 0 bases"});
}

TEST_F(Embed, SequencesWithoutABaseAreWarnedOf) {
  write_text(folder_ / "n.fa", ">a\nacgt\n>b\nNNNN\n>c\nNNNNN\n");
  const ProcessResult result = run({folder_ / "n.fa", "-q"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(rows_of(result.out).size(), 3u);
  EXPECT_EQ(result.err_lines(), 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("warning: 2 without any A, C, G or T (first: "));
  EXPECT_THAT(result.err, HasSubstr("n.fa': sequence 'b')"));
}

TEST_F(Embed, RandomBlocksOfTheCommandLine) {
  const std::string in = folder_ / "in.fa";
  const NpyMatrix own = array({in});
  EXPECT_EQ(array({in, "--random-blocks", "uniform"}).values, own.values);
  for (const std::string mode : {"hf_eval", "hf_train"}) {
    const NpyMatrix other = array({in, "--random-blocks", mode});
    EXPECT_NE(other.row(2), own.row(2)) << mode << ": 20 blocks";
    EXPECT_EQ(other.row(1), own.row(1)) << mode << ": 2 blocks are read whole";
  }
  expect_refused({in, "--random-blocks", "none"}, 2,
                 {"--random-blocks: 'none', expected hf_eval, hf_train or uniform"});
}

TEST_F(Embed, TokensOfAnyLength) {
  support::TinyModel shape;
  shape.bpe = true;
  support::write_tiny_model(folder_ / "bpe", shape);
  const Words model = {"-m", folder_ / "bpe", folder_ / "in.fa", "-q"};
  const auto with_model = [&](Words words) {
    words.insert(words.end(), model.begin(), model.end());
    const ProcessResult result = support::run_dnabird(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  const std::string path = folder_ / "bpe.safetensors";
  with_model({"embed", "--pool", "tokens", "-o", path});
  const io::TensorFile file = io::read_safetensors(path);
  std::istringstream lines(with_model({"tokenize"}));
  std::int64_t n_tokens = 0;
  for (std::string line, name; std::getline(lines, line);) {
    std::istringstream(line) >> name >> n_tokens;
    EXPECT_EQ(file.tensors.at(name).shape, (std::vector<std::int64_t>{n_tokens, kChannels}));
  }
  EXPECT_LT(n_tokens, 200) << "of 200 bases";
}

TEST_F(Embed, OptionsThatDoNotFit) {
  const std::string in = folder_ / "in.fa";
  expect_refused({in, "--pool", "max"}, 2, {"--pool 'max': expected mean, cls or tokens"});
  expect_refused({in, "--pool", "tokens"}, 2, {"--pool tokens writes .safetensors"});
  expect_refused({in, "--pool", "tokens", "-o", folder_ / "x.npy"}, 2, {"x.npy' is not named so"});
  expect_refused({in, "-o", folder_ / "x.safetensors"}, 2, {"only --pool tokens"});
  expect_refused({in, "--allele", "ref"}, 2, {"--allele needs --reference"});
  expect_refused({in, "--allele", "both", "-f", in}, 2, {"--allele 'both': expected alt or ref"});
  expect_refused({folder_ / "in.vcf"}, 2, {"in.vcf' holds variants: give --reference"});
  expect_refused({"-r", "chr1", "-"}, 2, {"--regions needs a FASTA file with an index"});
  expect_refused({"-r", "chr1", in, in}, 2, {"there is one input; unexpected argument"});
}

}  // namespace
}  // namespace dnabird
