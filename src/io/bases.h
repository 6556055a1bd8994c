// Letters of a FASTA as the tool reads them. io and seq do not know each other, so this one loop
// stands here too; it must agree with seq::normalize.
#pragma once

#include <string>

namespace dnabird::io {

/// In place: upper case, U becomes T, every other letter that is not A C G T becomes N.
void normalize_bases(std::string& bases);

}  // namespace dnabird::io
