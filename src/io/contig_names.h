// One contig under the names that assemblies give it.
#pragma once

#include <string>
#include <vector>

namespace dnabird::io {

/// Other names of a contig, likeliest first: chr1 / 1; chrM, MT, M, chrMT.
std::vector<std::string> contig_aliases(const std::string& name);

}  // namespace dnabird::io
