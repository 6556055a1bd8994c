// Lines of a text file, plain, gzip or bgzip.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace dnabird::io {

class LineReader {
 public:
  /// "-" is stdin. Throws DataError: missing, unreadable, empty, a bgzip file without its end mark.
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// Next line without its end (\n or \r\n); false at the end of the file. Throws DataError with
  /// path and line if the compressed data are damaged or cut off.
  bool next(std::string& line);
  std::int64_t line() const { return line_; }  // of the last one, 1-based
  const std::string& path() const { return path_; }
  /// "'x.fa' line 7"
  std::string where() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string path_;
  std::int64_t line_ = 0;
};

}  // namespace dnabird::io
