// What every command does when its output cannot be written, when nobody reads it, and when it is
// interrupted: no file, or the file of before.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/child.h"
#include "support/every_command.h"
#include "support/small_disk.h"

namespace dnabird {
namespace {

using support::ProcessResult;
using support::SmallDisk;
using support::wait_until;
using testing::HasSubstr;

class OutputFaults : public support::EveryCommand {
 protected:
  /// Those lines of standard error that are errors.
  static int error_lines(const ProcessResult& result) {
    int n = 0;
    for (std::size_t at = 0; (at = result.err.find(": error: ", at)) != std::string::npos; ++at)
      ++n;
    return n;
  }

  /// With the output on a small disk: an error that names it, and a disk as it was before.
  void expect_unwritable(const std::string& command, const SmallDisk& disk,
                         const std::string& reason) const {
    const std::string path = disk.folder() / "out";
    const Words before = disk.folder().names();
    const ProcessResult result = run(with(working(command), "-o", path));
    EXPECT_EQ(result.exit_code, 1) << command << ": " << result.err;
    EXPECT_EQ(result.out, "") << command;
    EXPECT_EQ(error_lines(result), 1) << command << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("'" + path)) << command;
    EXPECT_THAT(result.err, HasSubstr(reason)) << command;
    EXPECT_EQ(disk.folder().names(), before) << command;
  }

  /// htslib waits for some kilobytes before it says what kind of file a pipe holds.
  std::string padded_vcf() const {
    std::string text = support::read_text(folder_ / "in.vcf");
    return text.insert(text.find('\n') + 1, "##padding=" + std::string(10000, 'x') + "\n");
  }

  /// Sends SIGINT when `ready` holds beside the running program.
  ProcessResult interrupted(const Words& words, const std::string& stdin_path,
                            const std::function<bool()>& ready) const {
    return run(words, {.stdin_path = stdin_path, .meanwhile = [&](pid_t child) {
                         EXPECT_TRUE(wait_until(ready));
                         kill(child, SIGINT);
                       }});
  }
};

TEST_F(OutputFaults, PlacesThatAreNone) {
  std::filesystem::create_directory(folder_ / "folder");
  for (const std::string command : kCommands) {
    if (is_training(command)) continue;
    expect_refused(with(working(command), "-o", "none/out"), 1,
                   {"cannot write 'none/out': there is no folder 'none'; make it first"});
    expect_refused(with(working(command), "-o", "folder"), 1,
                   {"cannot write 'folder': Is a directory"});
  }
  for (const std::string command : {"pretrain", "finetune"}) {
    expect_refused(with(working(command), "-o", "-"), 2, {"missing option --output"});
  }
}

TEST_F(OutputFaults, AFullDisk) {
  const SmallDisk disk(64);
  if (!disk.mounted()) GTEST_SKIP() << "a small disk cannot be mounted here";
  disk.fill();
  for (const std::string command : kCommands) {
    expect_unwritable(command, disk, "No space left on device");
  }
}

TEST_F(OutputFaults, ADiskThatFillsUpKeepsTheFileOfBefore) {
  const SmallDisk disk(8);
  if (!disk.mounted()) GTEST_SKIP() << "a small disk cannot be mounted here";
  const std::string path = disk.folder() / "out";
  support::write_text(path, "before\n");
  const ProcessResult result = run(with(working("tokenize"), "-o", path));
  EXPECT_EQ(result.exit_code, 0) << result.err;  // 1000 bases: less than a page
  const std::string kept = support::read_text(path);
  const ProcessResult longer =
      run({"tokenize", "--kmer", "6", "genome.fa", "genome.fa", "-o", path});
  EXPECT_EQ(longer.exit_code, 1) << longer.err;
  EXPECT_THAT(longer.err, HasSubstr("No space left on device"));
  EXPECT_EQ(support::read_text(path), kept);
  EXPECT_EQ(disk.folder().names(), Words{"out"});
}

TEST_F(OutputFaults, AReadOnlyDisk) {
  const SmallDisk disk(64);
  if (!disk.mounted() || !disk.make_read_only()) {
    GTEST_SKIP() << "a read-only disk cannot be mounted here";
  }
  for (const std::string command : kCommands) {
    expect_unwritable(command, disk, "Read-only file system");
  }
}

TEST_F(OutputFaults, AFastaOnAReadOnlyDiskIsIndexedForTheRunAlone) {
  const SmallDisk disk(64);
  if (!disk.mounted()) GTEST_SKIP() << "a small disk cannot be mounted here";
  std::filesystem::copy_file(folder_ / "genome.fa", disk.folder() / "genome.fa");
  if (!disk.make_read_only()) GTEST_SKIP() << "a disk cannot be made read-only here";
  const std::string there = disk.folder() / "genome.fa";
  const Words lines[] = {
      {"score", "-f", "genome.fa", "in.vcf", "-m", "tiny", "--threads", "1", "-o", "out"},
      {"annotate", "-r", "z:1-600", "genome.fa", "-m", "tiny", "--threads", "1", "-o", "out"},
      {"embed", "-r", "z:1-60", "genome.fa", "-m", "tiny", "--threads", "1", "-o", "out"},
  };
  for (const Words& words : lines) {
    const ProcessResult result = run(replaced(words, "genome.fa", there));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("no index can be written beside '" + there + "'"));
    EXPECT_EQ(disk.folder().names(), Words{"genome.fa"});
    EXPECT_TRUE(std::filesystem::remove(folder_ / "out"));
  }
}

TEST_F(OutputFaults, AFullStandardOutput) {
  for (const std::string command : kCommands) {
    Words words = working(command);
    words.resize(words.size() - 2);
    if (is_training(command)) words = {command, "--help"};
    const ProcessResult result = run(words, {.stdout_path = "/dev/full"});
    EXPECT_EQ(result.exit_code, 1) << command;
    expect_one_line(result, words, {"cannot write 'standard output': No space left on device"});
  }
}

TEST_F(OutputFaults, NobodyReadsOn) {
  for (const std::string command : kCommands) {
    Words words = with(working(command), "-o", "-");
    if (is_training(command)) words = {command, "--help"};
    const ProcessResult result = run(words, {.prepare = support::close_reader_of_stdout});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_EQ(result.err, "") << command;
  }
}

TEST_F(OutputFaults, ClosedStreamsDoNotBecomeFiles) {
  const auto close_all = [] {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(stream);
  };
  const Words words = replaced(with(working("score"), "-f", "genome.fa"), "in.vcf", "far.vcf");
  const std::string text = support::read_text(folder_ / "in.vcf");
  support::write_text(folder_ / "far.vcf", text + "q\t5\t.\tA\tC\t.\t.\t.\n");  // a warning
  EXPECT_EQ(run(words, {.prepare = close_all}).exit_code, 0);
  const std::string silent = support::read_text(folder_ / "out");
  EXPECT_EQ(run(words).exit_code, 0);
  EXPECT_EQ(silent, support::read_text(folder_ / "out"));
}

TEST_F(OutputFaults, InterruptedInTheMiddleOfItsInput) {
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  // Held open, so that the program waits for more than it was given.
  const int writer = open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  const Words lines[] = {
      {"score", "-m", "tiny", "-f", "genome.fa", "-", "--threads", "1", "-o", "out"},
      {"annotate", "-m", "tiny", "-", "--threads", "1", "-o", "out"},
      {"embed", "-m", "tiny", "-", "--threads", "1", "-o", "out"},
      {"tokenize", "-m", "tiny", "-", "-o", "out"},
      {"evaluate", "-m", "tiny", "--data", "-", "--threads", "1", "-o", "out"},
  };
  support::write_text(folder_ / "out", "before\n");
  const Words before = folder_.names();
  for (const Words& words : lines) {
    const std::string input = words[0] == "score"      ? padded_vcf()
                              : words[0] == "evaluate" ? "sequence,label\nACGTACGT,1\n"
                                                       : ">a\nACGTACGT\n>b\nACGT\n";
    ASSERT_EQ(write(writer, input.data(), input.size()), static_cast<ssize_t>(input.size()));
    const auto has_begun = [&] { return folder_.names().size() > before.size(); };
    const ProcessResult result = interrupted(words, pipe, has_begun);
    EXPECT_EQ(result.exit_code, 128 + SIGINT) << words[0] << ": " << result.err;
    EXPECT_EQ(folder_.names(), before) << words[0];
    EXPECT_EQ(support::read_text(folder_ / "out"), "before\n") << words[0];
    // What the program left unread must not reach the next one.
    fcntl(writer, F_SETFL, O_NONBLOCK);
    char rest[4096];
    while (read(writer, rest, sizeof(rest)) > 0) {
    }
    fcntl(writer, F_SETFL, 0);
  }
  close(writer);
}

TEST_F(OutputFaults, AnInterruptedTrainingCanBeResumed) {
  for (const std::string command : {"pretrain", "finetune"}) {
    const Words words = with(with(working(command), "--steps", "1000000"), "--eval-every", "5");
    const std::string out = folder_ / "out";
    const auto has_begun = [&] { return std::filesystem::exists(out + "/checkpoint.safetensors"); };
    const ProcessResult result = interrupted(words, "/dev/null", has_begun);
    EXPECT_EQ(result.exit_code, 128 + SIGINT) << command << ": " << result.err;
    Words left;
    for (const auto& entry : std::filesystem::directory_iterator(out)) {
      left.push_back(entry.path().filename().string());
    }
    std::sort(left.begin(), left.end());
    EXPECT_EQ(left, (Words{"checkpoint.safetensors", "train_log.jsonl"})) << command;
    EXPECT_NO_THROW(io::read_safetensors(out + "/checkpoint.safetensors")) << command;
    std::filesystem::remove_all(out);
  }
}

}  // namespace
}  // namespace dnabird
