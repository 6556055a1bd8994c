// Sequences one after the other, from any file that holds them.
#pragma once

#include <functional>
#include <string>

#include "io/fasta.h"

namespace dnabird::pipelines {

/// Calls `use` with each sequence of a FASTA, FASTQ ("-" is standard input) or CSV with a column
/// `sequence`, in order; one at a time is in memory. A row of a CSV is named by its column `name`,
/// else by its number from 1. Throws DataError with path and line; also if there is no sequence.
void for_each_sequence(const std::string& path,
                       const std::function<void(const io::NamedSequence&)>& use);

/// A name as one field of a line: blanks and control characters become _.
std::string field_of_name(std::string name);

}  // namespace dnabird::pipelines
