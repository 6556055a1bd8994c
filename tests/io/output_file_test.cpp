#include "io/output_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "io/line_reader.h"
#include "io/partial_registry.h"
#include "support/child.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;
using support::read_text;
using support::run_in_child;
using support::TempFolder;
using support::throws_data_error;
using Names = std::vector<std::string>;

TEST(PartialOutput, AppearsWholeOrNotAtAll) {
  const TempFolder folder;
  support::write_text(folder / "out.txt", "old");
  {
    TextOutput out(folder / "out.txt");
    out.write("half of it");
    EXPECT_EQ(read_text(folder / "out.txt"), "old");
    EXPECT_EQ(folder.names().size(), 2u);
  }
  EXPECT_EQ(read_text(folder / "out.txt"), "old");
  EXPECT_EQ(folder.names(), Names{"out.txt"});
  TextOutput out(folder / "out.txt");
  out.write("all ");
  out.write("of it\n");
  out.commit();
  EXPECT_EQ(read_text(folder / "out.txt"), "all of it\n");
  EXPECT_EQ(folder.names(), Names{"out.txt"});
}

TEST(PartialOutput, TemporaryNameLiesBesideTheTarget) {
  const TempFolder folder;
  PartialOutput out(folder / "a.bed");
  EXPECT_FALSE(out.is_stdout());
  EXPECT_EQ(out.path(), folder / "a.bed");
  EXPECT_EQ(out.temporary(), folder / (".a.bed.partial-" + std::to_string(getpid())));
  EXPECT_TRUE(fs::exists(out.temporary()));
  for (const char* name : {"", "-"}) {
    const PartialOutput stdout_output(name);
    EXPECT_TRUE(stdout_output.is_stdout());
    EXPECT_EQ(stdout_output.temporary(), "-");
  }
}

TEST(PartialOutput, RelativeNamesAndLongNames) {
  const TempFolder folder;
  const auto child = run_in_child([&] {
    if (chdir(folder.path().c_str()) != 0) return std::string("chdir");
    for (const std::string& name : {std::string("x"), std::string(255, 'n')}) {
      TextOutput out(name);
      out.write(name);
      out.commit();
    }
    return std::string("done");
  });
  EXPECT_EQ(child.said, "done");
  EXPECT_EQ(folder.names(), (Names{std::string(255, 'n'), "x"}));
}

TEST(PartialOutput, LinksAreFollowed) {
  const TempFolder folder;
  fs::create_directory(folder / "real");
  support::write_text(folder / "real/out", "old");
  fs::create_symlink("real/out", folder / "link");
  TextOutput out(folder / "link");
  out.write("new");
  out.commit();
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "real/out"), "new");
}

TEST(PartialOutput, TwoWritersOfOneTargetDoNotMix) {
  const TempFolder folder;
  const std::string a(300000, 'a'), b(200000, 'b');
  const auto write = [&](const std::string& text) {
    for (int i = 0; i < 20; ++i) {
      TextOutput out(folder / "out");
      for (std::size_t at = 0; at < text.size(); at += 1000) out.write(text.substr(at, 1000));
      out.commit();
    }
  };
  std::thread first(write, a), second(write, b);
  first.join();
  second.join();
  const std::string text = read_text(folder / "out");
  EXPECT_TRUE(text == a || text == b);
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(PartialOutput, WhatCannotBeWrittenIsSaidAtOnce) {
  const TempFolder folder;
  EXPECT_THAT([&] { TextOutput out(folder / "no/such/out.txt"); },
              throws_data_error("no/such/out.txt", "there is no folder", "no/such'"));
  EXPECT_THAT([&] { TextOutput out(folder.path()); }, throws_data_error("directory"));
  support::write_text(folder / "file", "x");
  EXPECT_THAT([&] { TextOutput out(folder / "file/out"); }, throws_data_error("file/out"));
}

TEST(PartialOutput, FolderWithoutPermission) {
  const TempFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                     fs::perms::others_read | fs::perms::others_exec);
  const auto child = run_in_child([&]() -> std::string {
    if (!support::become_nobody()) return "stays root";
    TextOutput out(folder / "out");
    return "written";
  });
  if (child.said == "stays root") GTEST_SKIP() << "cannot give up root's rights here";
  EXPECT_EQ(child.said, "exception: cannot write '" + folder.path() + "/out': Permission denied");
}

TEST(TextOutput, DevicesAndPipesAreWrittenDirectly) {
  const TempFolder folder;
  TextOutput null("/dev/null");
  null.write("x");
  EXPECT_NO_THROW(null.commit());
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = read_text(folder / "pipe"); });
  TextOutput out(folder / "pipe");
  out.write("through the pipe");
  out.commit();
  reader.join();
  EXPECT_EQ(got, "through the pipe");
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
}

TEST(TextOutput, StandardOutput) {
  const TempFolder folder;
  for (const char* name : {"-", "", "/dev/stdout"}) {
    const auto child = run_in_child([&]() -> std::string {
      if (!freopen((folder / "stdout").c_str(), "w", stdout)) return "freopen";
      TextOutput out(name);
      out.write("hello");
      out.commit();
      return "done";
    });
    EXPECT_EQ(child.said, "done");
    EXPECT_EQ(read_text(folder / "stdout"), "hello") << name;
  }
}

TEST(TextOutput, GzNamesAreBgzip) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 30000; ++i) text += std::to_string(i) + "\n";
  for (const char* name : {"a.bed.gz", "a.bgz"}) {
    TextOutput out(folder / name);
    out.write(text);
    out.commit();
    const std::string bytes = read_text(folder / name);
    EXPECT_LT(bytes.size(), text.size());
    EXPECT_EQ(bytes.substr(12, 2), "BC") << "the extra field of bgzip";
    LineReader lines(folder / name);  // checks the end mark
    std::string line, read;
    while (lines.next(line)) read += line + "\n";
    EXPECT_EQ(read, text);
  }
}

TEST(TextOutput, FullDisk) {
  for (const std::size_t size : {10u, 1000000u}) {  // seen by the flush, seen by a write
    EXPECT_THAT(
        [&] {
          TextOutput out("/dev/full");
          out.write(std::string(size, 'x'));
          out.commit();
        },
        throws_data_error("'/dev/full'", "No space left on device"));
  }
}

TEST(TextOutput, FileThatCannotGrowLeavesNothing) {
  for (const char* name : {"out.txt", "out.gz"}) {
    const TempFolder folder;
    const auto child = run_in_child([&]() -> std::string {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{5000, 5000};
      setrlimit(RLIMIT_FSIZE, &limit);
      std::string noise;
      for (unsigned i = 1, x = 1; i < 400000; ++i) {
        noise += static_cast<char>((x = x * 1664525u + 1013904223u) >> 24);
      }
      TextOutput out(folder / name);
      out.write(noise);
      out.commit();
      return "written";
    });
    EXPECT_EQ(child.said,
              "exception: cannot write '" + folder.path() + "/" + name + "': File too large");
    EXPECT_EQ(folder.names(), Names{});
  }
}

TEST(TextOutput, ReaderOfStdoutWentAway) {
  for (const std::size_t size : {10u, 1000000u}) {
    const auto child = run_in_child([&]() -> std::string {
      support::close_reader_of_stdout();
      try {
        TextOutput out("-");
        out.write(std::string(size, 'x'));
        out.commit();
      } catch (const ClosedPipe&) {
        return "closed pipe";
      }
      return "written";
    });
    EXPECT_EQ(child.said, "closed pipe") << size;
  }
}

void remove_and_exit(int) {
  remove_partial_outputs();
  _exit(7);
}

TEST(RemovePartialOutputs, FromASignalHandler) {
  const TempFolder folder;
  support::write_text(folder / "old", "old");
  const auto child = run_in_child([&]() -> std::string {
    signal(SIGTERM, remove_and_exit);
    TextOutput done(folder / "done");
    done.write("done");
    done.commit();
    TextOutput first(folder / "old"), second(folder / "b.gz");
    first.write("half");
    second.write("half");
    fs::create_directory(folder / "d");
    support::write_text(folder / "d/file", "half");
    register_partial(folder / "d/file");
    register_partial(folder / "d");
    raise(SIGTERM);
    return "still here";
  });
  EXPECT_EQ(child.said, "");
  EXPECT_EQ(WEXITSTATUS(child.status), 7);
  EXPECT_EQ(folder.names(), (Names{"done", "old"}));
  EXPECT_EQ(read_text(folder / "old"), "old");
}

TEST(RemovePartialOutputs, ManyOutputsComeAndGo) {
  const TempFolder folder;
  for (int i = 0; i < 300; ++i) {  // more than the table has places
    TextOutput out(folder / "out");
    if (i % 2) out.commit();
  }
  const auto child = run_in_child([&]() -> std::string {
    TextOutput last(folder / "last");
    remove_partial_outputs();
    _exit(3);
  });
  EXPECT_EQ(WEXITSTATUS(child.status), 3);
  EXPECT_EQ(folder.names(), Names{"out"});
}

}  // namespace
}  // namespace dnabird::io
