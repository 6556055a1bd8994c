// Outputs appear whole under their name, or not at all: bytes go to a temporary file beside it,
// which is renamed by commit() and removed otherwise (also on Ctrl-C, see remove_partial_outputs).
#pragma once

#include <string>
#include <string_view>

namespace dnabird::io {

/// Reserves a temporary name beside `path`. "-" or "" stands for stdout: written directly.
class PartialOutput {
 public:
  explicit PartialOutput(std::string path);
  ~PartialOutput();  // removes the temporary file if not committed
  PartialOutput(const PartialOutput&) = delete;
  PartialOutput& operator=(const PartialOutput&) = delete;

  bool is_stdout() const { return is_stdout_; }
  const std::string& path() const { return path_; }
  /// The name to write to until commit ("-" for stdout).
  const std::string& temporary() const { return temporary_; }
  /// Syncs and renames. Throws DataError with path and reason (disk full, no permission).
  void commit();

 private:
  std::string path_, temporary_;
  bool is_stdout_, committed_ = false;
  int slot_ = -1;  // in the table that remove_partial_outputs reads
};

/// Text output with that promise; bgzip-compressed if the path ends in .gz or .bgz.
/// Throws DataError (path, reason) when a write fails; a closed pipe ends quietly (ClosedPipe).
class TextOutput {
 public:
  explicit TextOutput(const std::string& path);
  ~TextOutput();
  void write(std::string_view text);
  void commit();

 private:
  PartialOutput partial_;
  void* handle_;  // BGZF* or FILE*
  bool compressed_;
};

/// The reader of our stdout went away (| head): main ends without a word, exit code 0... by SIGPIPE
/// convention 141 is not used.
class ClosedPipe {};

/// Removes every uncommitted temporary file; async-signal-safe, called from main's signal handler.
void remove_partial_outputs();

}  // namespace dnabird::io
