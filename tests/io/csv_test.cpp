#include "io/csv.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "io/output_file.h"
#include "support/errors.h"
#include "support/temp_folder.h"

namespace dnabird::io {
namespace {

using support::TempFolder;
using support::throws_data_error;
using Row = std::vector<std::string>;

class Csv : public testing::Test {
 protected:
  std::vector<Row> rows(const std::string& text) {
    support::write_text(path_, text);
    return rows_of(path_);
  }
  std::vector<Row> rows_of(const std::string& path) {
    CsvReader reader(path);
    std::vector<Row> rows = {reader.header()};
    for (Row row; reader.next(row);) rows.push_back(row);
    return rows;
  }
  TempFolder folder_;
  std::string path_ = folder_ / "t.csv";
};

TEST_F(Csv, PlainRows) {
  const std::vector<Row> expected = {{"sequence", "label"}, {"ACGT", "1"}, {"", "0"}};
  EXPECT_EQ(rows("sequence,label\nACGT,1\n,0\n"), expected);
  EXPECT_EQ(rows("sequence,label\nACGT,1\n,0"), expected) << "no line end at the end";
  EXPECT_EQ(rows("sequence,label\r\nACGT,1\r\n,0\r\n"), expected) << "line ends of Windows";
  EXPECT_EQ(rows("\xEF\xBB\xBFsequence,label\nACGT,1\n,0\n"), expected) << "byte order mark";
  EXPECT_EQ(rows("\nsequence,label\n\nACGT,1\n\n,0\n\n"), expected) << "blank lines";
}

TEST_F(Csv, QuotesAsInRfc4180) {
  EXPECT_EQ(rows("a,b\n\"x,\"\"y\"\"\",\"two\nlines\"\n\"\",z\n"),
            (std::vector<Row>{{"a", "b"}, {"x,\"y\"", "two\nlines"}, {"", "z"}}));
  EXPECT_THAT([&] { rows("a,b\n\"x,1\n"); }, throws_data_error(path_, "line 2", "quote"));
  EXPECT_THAT([&] { rows("a,b\nx\"y,1\n"); }, throws_data_error(path_, "line 2", "quote"));
  EXPECT_THAT([&] { rows("a,b\n\"x\"y,1\n"); }, throws_data_error(path_, "line 2", "quote"));
}

TEST_F(Csv, LineNumbersCountEveryLine) {
  support::write_text(path_, "a,b\n\n\"1\n2\",3\n4,5\n");
  CsvReader reader(path_);
  Row row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(reader.line(), 3);
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(reader.line(), 5);
  EXPECT_FALSE(reader.next(row));
}

TEST_F(Csv, WrongNumberOfFields) {
  EXPECT_THAT([&] { rows("a,b\n1,2\n1\n"); }, throws_data_error(path_, "line 3", "1 field", "2"));
  EXPECT_THAT([&] { rows("a,b\n1,2,3\n"); }, throws_data_error(path_, "line 2", "3 fields"));
}

TEST_F(Csv, Columns) {
  support::write_text(path_, "sequence,label\n");
  const CsvReader reader(path_);
  EXPECT_EQ(reader.column("label"), 1);
  EXPECT_THAT([&] { reader.column("target"); },
              throws_data_error(path_, "'target'", "sequence, label"));
}

TEST_F(Csv, CompressedFiles) {
  const std::string text = "sequence,label\nACGT,1\n";
  gzFile gz = gzopen((folder_ / "g.csv.gz").c_str(), "w");
  gzputs(gz, text.c_str());
  gzclose(gz);
  TextOutput out(folder_ / "b.csv.gz");
  out.write(text);
  out.commit();
  EXPECT_EQ(rows_of(folder_ / "g.csv.gz"), rows(text));
  EXPECT_EQ(rows_of(folder_ / "b.csv.gz"), rows(text));
}

TEST_F(Csv, TruncatedFiles) {
  std::string text = "sequence,label\n";
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919 % 10007) + ",1\n";
  gzFile gz = gzopen((folder_ / "g.gz").c_str(), "w");
  gzputs(gz, text.c_str());
  gzclose(gz);
  const std::size_t size = support::read_text(folder_ / "g.gz").size();
  for (std::size_t cut : {std::size_t{5}, size / 2, size - 4}) {
    support::copy_truncated(folder_ / "g.gz", folder_ / "cut.gz", size - cut);
    EXPECT_THAT([&] { rows_of(folder_ / "cut.gz"); }, throws_data_error("cut.gz", "truncated"))
        << cut;
  }
}

TEST_F(Csv, MissingAndEmpty) {
  EXPECT_THAT([&] { CsvReader reader(folder_ / "no.csv"); },
              throws_data_error("no.csv", "No such file"));
  EXPECT_THAT([&] { rows(""); }, throws_data_error(path_, "empty"));
  EXPECT_THAT([&] { rows("\n\n"); }, throws_data_error(path_, "empty"));
}

}  // namespace
}  // namespace dnabird::io
