// Sequences without labels, from FASTA, FASTQ or CSV.
#pragma once

#include <string>
#include <vector>

#include "io/fasta.h"

namespace dnabird::data {

/// Sequences of a FASTA or FASTQ, or of the column `sequence` of a CSV (named by line); which of
/// them a file is shows in its first character. "-" is a FASTA on stdin. Bases are A C G T N.
/// Throws DataError with path and line; also if there is no sequence in it.
std::vector<io::NamedSequence> read_sequences(const std::string& path);

/// True if it begins as a FASTA (>) or FASTQ (@) does. Throws DataError: missing, empty.
bool is_fasta(const std::string& path);

}  // namespace dnabird::data
