// A folder that appears whole under its name, or not at all.
#pragma once

#include <string>
#include <vector>

namespace dnabird::io {

class NewFolder {
 public:
  /// Makes a temporary folder beside `path` for files of these names. Throws DataError if there is
  /// something at `path` already, or no folder for it.
  NewFolder(std::string path, const std::vector<std::string>& names);
  ~NewFolder();  // removes it with what is in it if not committed
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  /// Where a file of the folder is to be written, until commit.
  std::string file(const std::string& name) const;
  /// Renames it. Throws DataError with path and reason.
  void commit();

 private:
  void release();

  std::string path_, temporary_;
  std::vector<int> slots_;  // in the table that remove_partial_outputs reads
  bool committed_ = false;
};

}  // namespace dnabird::io
