#include "io/library_version.h"

#include <htslib/hts.h>

namespace dnabird::io {

std::string htslib_version() { return hts_version(); }

}  // namespace dnabird::io
