// The two errors that reach a user. Only main prints and exits.
// A message says what failed, where (path, contig:position, op, shapes), what was expected and
// what to try, in one line.
#pragma once

#include <stdexcept>
#include <string>

namespace dnabird::core {

/// The command line is wrong: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file or the data in it is wrong, or the machine failed us (disk full): exit code 1.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws std::logic_error("bug: ...") if a condition that our own code must ensure is false.
void require(bool condition, const std::string& message);

}  // namespace dnabird::core
