// What can go wrong: one line that says what, where and what to do, the right exit code, and no
// output file. And memory that does not grow with the file.
#include <sys/resource.h>

#include "support/child.h"
#include "support/score_cli.h"

namespace dnabird {
namespace {

using support::first_difference;
using support::ProcessResult;
using support::read_text;
using support::test_data;
using support::VcfText;
using support::write_text;
using testing::HasSubstr;
using Words = std::vector<std::string>;

class ScoreFaults : public support::ScoreCli {
 protected:
  /// The line, after all else was checked.
  std::string fault(int exit_code, const Words& words,
                    const support::ProcessOptions& options = {}) {
    const Words before = folder_.names();
    Words all = words;
    all.insert(all.end(), {"-o", folder_ / "out.vcf.gz"});
    const ProcessResult result = score(all, options);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err_lines(), 1) << result.err;
    EXPECT_THAT(result.err, testing::StartsWith("dnabird score: error: "));
    EXPECT_EQ(folder_.names(), before);
    return result.err;
  }

  /// A VCF of `n` changes of single bases, two bases apart.
  std::string write_many(int n) const {
    const std::string fasta = read_text(test_data("small.fa"));
    std::string bases;
    for (const std::string& line : support::split_text(fasta, '\n')) {
      if (line[0] != '>') bases += line;
    }
    std::string text =
        "##fileformat=VCFv4.2\n##contig=<ID=z,length=50000>\n"
        "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT";
    std::string genotypes = "\tGT";
    for (int i = 0; i < 200; ++i) {
      text += "\ts" + std::to_string(i);
      genotypes += "\t0|1";
    }
    text += "\n";
    for (int i = 0; i < n; ++i) {
      const char base = bases[99 + 2 * i];
      text += "z\t" + std::to_string(100 + 2 * i) + "\t.\t" + base + "\t" +
              (base == 'A' ? 'C' : 'A') + "\t.\t.\t." + genotypes + "\n";
    }
    const std::string path = folder_ / ("many" + std::to_string(n) + ".vcf");
    write_text(path, text);
    return path;
  }
};

TEST_F(ScoreFaults, FilesThatCannotBeRead) {
  EXPECT_THAT(fault(1, {folder_ / "none.vcf"}), HasSubstr("none.vcf': No such file"));
  EXPECT_THAT(fault(1, {test_data("small.vcf"), "-f", folder_ / "none.fa"}),
              HasSubstr("none.fa': No such file"));
  EXPECT_THAT(fault(2, {test_data("small.vcf"), "-m", folder_ / "none"}), HasSubstr("no model"));
  EXPECT_THAT(fault(1, {folder_.path()}), HasSubstr(folder_.path()));
}

TEST_F(ScoreFaults, FilesThatAreNoVcf) {
  write_text(folder_ / "empty.vcf", "");
  EXPECT_THAT(fault(1, {folder_ / "empty.vcf"}), HasSubstr("empty.vcf' is empty"));
  const std::string text = read_text(test_data("small.vcf"));
  write_text(folder_ / "headless.vcf", text.substr(text.find("\nz\t") + 1));
  EXPECT_THAT(fault(1, {folder_ / "headless.vcf"}), HasSubstr("has no header"));
  write_text(folder_ / "words.vcf", text + "z\tfar\t.\tA\tC\t.\t.\t.\n");
  EXPECT_THAT(fault(1, {folder_ / "words.vcf", "-t", "z:49000-50000"}), HasSubstr("POS is 'far'"));
  EXPECT_THAT(fault(1, {test_data("small.fa")}), HasSubstr("not a VCF or BCF"));
  EXPECT_THAT(fault(1, {test_data("small.vcf"), "-f", test_data("small.vcf")}),
              HasSubstr("is not a FASTA"));
}

TEST_F(ScoreFaults, TruncatedFiles) {
  for (const char* name : {"small.vcf.gz", "small.bcf"}) {
    const std::string half = folder_ / (std::string("half.") + name);
    support::copy_truncated(test_data(name), half, 4000);
    EXPECT_THAT(fault(1, {half}), HasSubstr("truncated"));
    EXPECT_THAT(fault(1, {"-"}, {.stdin_path = half}), HasSubstr("truncated")) << name;
  }
}

TEST_F(ScoreFaults, AFastaThatIsDamagedBehindTheFirstChunks) {
  std::string bases = read_text(test_data("small.fa"));
  bases = bases.substr(bases.find('\n') + 1, 2000);
  const std::string fasta = folder_ / "damaged.fa";
  write_text(fasta, ">z\n" + bases + "\n>y\n" + bases.substr(0, 300) + "1" + bases.substr(301));
  std::vector<std::string> records;
  for (const char* contig : {"z", "y"}) {
    for (int i = 0; i < 300; ++i) records.push_back(std::string(contig) + " 100 A <DEL>");
  }
  records.push_back("y 100 A C");
  const std::string vcf = write_vcf(records);
  score({vcf, "-f", fasta, "-o", "-"});  // makes the index, which stays
  for (const char* threads : {"1", "2", "8"}) {
    EXPECT_THAT(fault(1, {vcf, "-f", fasta, "-m", model("quick"), "--threads", threads}),
                HasSubstr("the file is damaged"))
        << threads;
  }
}

TEST_F(ScoreFaults, ModelsThatAreIncomplete) {
  const std::string copy = folder_ / "copy";
  std::filesystem::copy(model("tiny"), copy);
  std::filesystem::remove(copy + "/vocab.txt");
  EXPECT_THAT(fault(1, {test_data("small.vcf"), "-m", copy}), HasSubstr("vocab.txt"));
  std::filesystem::copy_file(model("tiny") + "/vocab.txt", copy + "/vocab.txt");
  std::filesystem::resize_file(copy + "/model.safetensors", 5000);
  EXPECT_THAT(fault(1, {test_data("small.vcf"), "-m", copy}), HasSubstr("model.safetensors"));
}

TEST_F(ScoreFaults, OutputsThatCannotBeWritten) {
  const ProcessResult no_folder =
      score({test_data("small.vcf"), "-t", "z:1-300", "-o", folder_ / "none/out.vcf"});
  EXPECT_EQ(no_folder.exit_code, 1);
  EXPECT_EQ(no_folder.err_lines(), 1) << no_folder.err;
  EXPECT_THAT(no_folder.err, HasSubstr("none/out.vcf"));
  const ProcessResult full =
      score({test_data("small.vcf"), "-t", "z:1-300"}, {.stdout_path = "/dev/full"});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_EQ(full.err_lines(), 1) << full.err;
  EXPECT_THAT(full.err, HasSubstr("No space left"));
  // Files may not grow: as on a full disk, a write fails in the middle. (htslib 1.16 does not
  // release a bgzip file whose last write failed.)
  support::ProcessOptions no_room{.environment = {{"ASAN_OPTIONS", "detect_leaks=0"}}};
  no_room.prepare = [] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
  };
  EXPECT_THAT(fault(1, {test_data("small.vcf"), "-t", "z:1-300"}, no_room),
              HasSubstr("out.vcf.gz"));
}

TEST_F(ScoreFaults, DevicesThatAreNotThere) {
  EXPECT_THAT(fault(2, {test_data("small.vcf"), "--device", "cuda:99"}), HasSubstr("cuda:99"));
}

TEST_F(ScoreFaults, RegionsWithoutIndex) {
  EXPECT_THAT(fault(1, {test_data("small.vcf"), "-r", "z:1-300"}), HasSubstr("-t or -T"));
  EXPECT_THAT(fault(2, {"-", "-r", "z:1-300"}, {.stdin_path = test_data("small.vcf")}),
              HasSubstr("-t or -T"));
}

TEST_F(ScoreFaults, AClosedPipeEndsQuietly) {
  const ProcessResult result = score({test_data("small.vcf"), "-t", "z:1-300"},
                                     {.prepare = support::close_reader_of_stdout});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
}

TEST_F(ScoreFaults, AFastaThatCannotBeIndexedBeside) {
  // Nobody, not even root, makes a file in there.
  const ProcessResult result =
      score({test_data("small.vcf"), "-t", "z:1-300", "-f", "/proc/self/fd/0"},
            {.stdin_path = test_data("small.fa")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("no index can be written beside '/proc/self/fd/0'"));
  EXPECT_EQ(
      first_difference(VcfText(result.out).without_command().text(),
                       scored({test_data("small.vcf"), "-t", "z:1-300"}).without_command().text()),
      "");
}

TEST_F(ScoreFaults, SignalsLeaveNoFile) {
  const std::string input = write_many(20000);
  for (const int number : {SIGINT, SIGTERM}) {
    const ProcessResult result =
        score({input, "-o", folder_ / "out.vcf.gz"}, {.meanwhile = [&](pid_t child) {
                // The temporary file shows that the run is under way.
                EXPECT_TRUE(support::wait_until([&] { return folder_.names().size() > 1; }));
                kill(child, number);
              }});
    EXPECT_EQ(result.exit_code, 128 + number);
    EXPECT_EQ(folder_.names(), Words{"many20000.vcf"});
  }
}

TEST_F(ScoreFaults, MemoryDoesNotGrowWithTheFile) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer keeps what was freed";
#endif
  const auto peak = [&](int n) {
    const ProcessResult result = score(
        {write_many(n), "-m", model("quick"), "--scores", "llr,prom", "-o", folder_ / "out.bcf"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return static_cast<double>(result.peak_kib);
  };
  EXPECT_LT(peak(20000), 1.1 * peak(2000));
}

}  // namespace
}  // namespace dnabird
