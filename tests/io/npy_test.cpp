#include "io/npy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <thread>

#include "support/errors.h"
#include "support/npy.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::NpyMatrix;
using support::read_npy;
using support::read_text;
using support::TempFolder;
using support::throws_data_error;

// What numpy.save writes for numpy.array([[1, -2], [0.5, 3]], dtype='<f4'), with its header padded
// to the same length.
const std::string kSaved =
    std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }" + std::string(58, ' ') + "\n" +
    std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f\x00\x00\x40\x40", 16);

TEST(Npy, BytesAreThoseOfNumpy) {
  const TempFolder folder;
  NpyWriter writer(folder / "a.npy", 2);
  writer.write(std::array{1.0f, -2.0f, 0.5f, 3.0f});
  writer.commit();
  EXPECT_EQ(writer.rows(), 2);
  EXPECT_EQ(read_text(folder / "a.npy"), kSaved);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.npy"});
}

TEST(Npy, RowsOfManyWritesAndOfNone) {
  const TempFolder folder;
  std::vector<float> expected;
  {
    NpyWriter writer(folder / "a.npy", 3);
    for (int n : {1, 4, 0, 700}) {
      std::vector<float> rows(static_cast<std::size_t>(3 * n));
      for (float& value : rows) {
        expected.push_back(static_cast<float>(expected.size()) / 7);
        value = expected.back();
      }
      writer.write(rows);
    }
    writer.commit();
  }
  const NpyMatrix matrix = read_npy(folder / "a.npy");
  EXPECT_EQ(matrix.rows, 705);
  EXPECT_EQ(matrix.columns, 3);
  EXPECT_EQ(matrix.values, expected);
  NpyWriter empty(folder / "b.npy", 5);
  empty.commit();
  EXPECT_EQ(read_npy(folder / "b.npy").rows, 0);
}

TEST(Npy, WithoutCommitThereIsNoFileOrTheOneOfBefore) {
  const TempFolder folder;
  {
    NpyWriter writer(folder / "a.npy", 1);
    writer.write(std::array{1.0f});
    EXPECT_FALSE(std::filesystem::exists(folder / "a.npy"));
  }
  EXPECT_TRUE(folder.names().empty());
  support::write_text(folder / "a.npy", "before");
  { NpyWriter writer(folder / "a.npy", 1); }
  EXPECT_EQ(read_text(folder / "a.npy"), "before");
}

TEST(Npy, PlacesThatCannotBeWritten) {
  const TempFolder folder;
  const auto open = [](const std::string& path) { NpyWriter writer(path, 1); };
  EXPECT_THAT([&] { open(folder / "none/a.npy"); }, throws_data_error("none/a.npy", "no folder"));
  EXPECT_THAT([&] { open(folder.path()); }, throws_data_error(folder.path(), "Is a directory"));
  EXPECT_THAT(
      [] {
        NpyWriter writer("/dev/full", 1);
        writer.write(std::vector<float>(100000));
        writer.commit();
      },
      throws_data_error("/dev/full", "No space left on device"));
}

TEST(Npy, APipeIsRefused) {
  const TempFolder folder;
  const std::string pipe = folder / "a.npy";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] { read = read_text(pipe); });
  EXPECT_THAT([&] { NpyWriter writer(pipe, 1); }, throws_data_error(pipe, "seek"));
  reader.join();
  EXPECT_EQ(read, "");
}

}  // namespace
}  // namespace dnabird::io
