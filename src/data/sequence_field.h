// The field of a CSV that holds bases.
#pragma once

#include <string>

#include "io/csv.h"

namespace dnabird::data {

/// "'x.csv' line 7", of the row that was read last.
std::string where(const io::CsvReader& reader);

/// Normalised to A C G T N. Throws DataError with path and line if it is empty or holds anything
/// but letters, gaps and stops.
std::string sequence_of_field(const std::string& field, const io::CsvReader& reader);

}  // namespace dnabird::data
