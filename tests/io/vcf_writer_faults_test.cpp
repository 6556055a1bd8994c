// What becomes of an annotated file when the disk is full or nobody reads it.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "io/output_file.h"
#include "io/vcf.h"
#include "support/annotate_vcf.h"
#include "support/child.h"
#include "support/errors.h"
#include "support/temp_folder.h"
#include "support/test_data.h"

namespace dnabird::io {
namespace {

using support::annotate;
using support::first_difference;
using support::options_for;
using support::read_text;
using support::TempFolder;
using support::throws_data_error;
using Strings = std::vector<std::string>;

const std::string kData = support::test_data_folder();

TEST(VariantWriterFaults, NothingAppearsWithoutCommit) {
  const TempFolder folder;
  support::write_text(folder / "o.bcf", "old");
  {
    VariantReader reader(kData + "/small.vcf", {}, 1);
    VariantWriter writer(reader, options_for(folder / "o.bcf"));
    VariantRecord record;
    ASSERT_TRUE(reader.next(record));
    writer.write(record);
  }
  EXPECT_EQ(read_text(folder / "o.bcf"), "old");
  EXPECT_EQ(folder.names(), Strings{"o.bcf"});
  EXPECT_THAT([&] { annotate(kData + "/small.vcf", options_for(folder / "no/o.vcf")); },
              throws_data_error("no/o.vcf", "there is no folder"));
}

TEST(VariantWriterFaults, FullDisk) {
  for (const char format : {'v', 'z', 'u', 'b'}) {
    for (const int threads : {1, 2}) {
      VariantWriterOptions options = options_for("/dev/full");
      options.format = format;
      options.threads = threads;
      // In a child: htslib 1.16 keeps memory of a compressed file whose last write failed.
      const auto child = support::run_in_child([&]() -> std::string {
        annotate(kData + "/small.vcf", options);
        return "written";
      });
      EXPECT_EQ(child.said, "exception: cannot write '/dev/full': No space left on device")
          << format << threads;
    }
  }
}

TEST(VariantWriterFaults, FileThatCannotGrowLeavesNothing) {
  for (const char* name : {"o.vcf", "o.vcf.gz", "o.bcf"}) {
    for (const int threads : {1, 2}) {
      const TempFolder folder;
      const auto child = support::run_in_child([&]() -> std::string {
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{3000, 3000};
        setrlimit(RLIMIT_FSIZE, &limit);
        VariantWriterOptions options = options_for(folder / name);
        options.threads = threads;
        annotate(kData + "/small.vcf", options);
        return "written";
      });
      EXPECT_EQ(child.said,
                "exception: cannot write '" + folder.path() + "/" + name + "': File too large");
      EXPECT_EQ(folder.names(), Strings{});
    }
  }
}

TEST(VariantWriterFaults, StandardOutputAndItsReaderThatWentAway) {
  const TempFolder folder;
  annotate(kData + "/small.vcf", options_for(folder / "expected.vcf"));
  for (const char format : {'v', 'z', 'u', 'b'}) {
    VariantWriterOptions options = options_for("-");
    options.format = format;
    const auto written = support::run_in_child([&]() -> std::string {
      const int file = open((folder / "stdout").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
      dup2(file, STDOUT_FILENO);
      annotate(kData + "/small.vcf", options);
      return "done";
    });
    EXPECT_EQ(written.said, "done");
    annotate(folder / "stdout", options_for(folder / "back.vcf"));
    EXPECT_EQ(first_difference(read_text(folder / "back.vcf"), read_text(folder / "expected.vcf")),
              "")
        << format;
    for (const int threads : {1, 2}) {
      const auto closed = support::run_in_child([&]() -> std::string {
        support::close_reader_of_stdout();
        options.threads = threads;
        try {
          annotate(kData + "/small.vcf", options);
        } catch (const ClosedPipe&) {
          return "closed pipe";
        }
        return "written";
      });
      EXPECT_EQ(closed.said, "closed pipe") << format << threads;
    }
  }
}

}  // namespace
}  // namespace dnabird::io
