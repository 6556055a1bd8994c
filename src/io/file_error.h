// Words for what the system refused, and the log level of htslib.
#pragma once

#include <string>

#include "core/errors.h"

namespace dnabird::io {

/// "No space left on device" for an errno; "unknown reason" for 0.
std::string system_reason(int error_number);

/// "cannot read 'x.fa': No such file or directory"
[[noreturn]] void throw_file_error(const std::string& action, const std::string& path,
                                   int error_number);

/// Throws DataError if `path` is missing, a folder or not readable; "-" is fine.
void require_readable(const std::string& path);

/// htslib's own lines on stderr are turned off: the user gets one line, ours. Called before every
/// first use of htslib.
void silence_htslib();

}  // namespace dnabird::io
