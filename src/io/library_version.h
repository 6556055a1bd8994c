// Which htslib reads and writes the files.
#pragma once

#include <string>

namespace dnabird::io {

/// "1.16"
std::string htslib_version();

}  // namespace dnabird::io
