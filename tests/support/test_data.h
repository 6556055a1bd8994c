// Where the files of tests/data lie.
#pragma once

#include <cstdlib>
#include <string>

namespace dnabird::support {

/// The folder tests/data of the sources; $DNABIRD_TEST_DATA where the programs run on another
/// machine than the one that built them.
inline std::string test_data_folder() {
  const char* moved = std::getenv("DNABIRD_TEST_DATA");
  return moved != nullptr ? moved : DNABIRD_TEST_DATA;
}

inline std::string test_data(const std::string& name) { return test_data_folder() + "/" + name; }

}  // namespace dnabird::support
