#include "io/new_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "io/output_file.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::read_text;
using support::TempFolder;
using support::throws_data_error;
using support::write_text;
using Names = std::vector<std::string>;

TEST(NewFolder, AppearsWhole) {
  const TempFolder folder;
  NewFolder made(folder / "made/", {"a", "b"});
  write_text(made.file("a"), "1");
  write_text(made.file("b"), "2");
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
  made.commit();
  EXPECT_EQ(folder.names(), Names{"made"});
  EXPECT_EQ(read_text(folder / "made/a"), "1");
  EXPECT_EQ(read_text(folder / "made/b"), "2");
}

TEST(NewFolder, OrNotAtAll) {
  const TempFolder folder;
  {
    NewFolder made(folder / "made", {"a"});
    write_text(made.file("a"), "1");
  }
  EXPECT_EQ(folder.names(), Names{});
}

TEST(NewFolder, IsRemovedWithItsFilesOnInterrupt) {
  const TempFolder folder;
  NewFolder made(folder / "made", {"a", "b"});
  write_text(made.file("a"), "1");
  remove_partial_outputs();
  EXPECT_EQ(folder.names(), Names{});
}

TEST(NewFolder, ReplacesNothing) {
  const TempFolder folder;
  write_text(folder / "file", "1");
  std::filesystem::create_directory(folder / "empty");
  for (const std::string name : {"file", "empty", "empty/"}) {
    EXPECT_THAT([&] { NewFolder(folder / name, {}); }, throws_data_error("exists already"));
  }
  EXPECT_THAT([&] { NewFolder(folder / "none/made", {}); },
              throws_data_error("none/made': there is no folder"));
  EXPECT_EQ(folder.names(), (Names{"empty", "file"}));
}

}  // namespace
}  // namespace dnabird::io
