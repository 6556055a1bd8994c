// Tables of sequences: CSV with a header, plain or gzip.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace dnabird::io {

class CsvReader {
 public:
  /// Throws DataError: missing file, empty file.
  explicit CsvReader(const std::string& path);
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  const std::vector<std::string>& header() const { return header_; }
  /// Index of a column. Throws DataError that names the file and the columns there are.
  int column(const std::string& name) const;
  /// Next row, as many fields as the header (else DataError with path and line); quotes as in
  /// RFC 4180. Blank lines are skipped.
  bool next(std::vector<std::string>& fields);
  std::int64_t line() const { return line_; }  // of the last row, 1-based
  const std::string& path() const { return path_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string path_;
  std::vector<std::string> header_;
  std::int64_t line_ = 0;
};

}  // namespace dnabird::io
