// A record of a VCF written as the line that it was read from, where htslib would write the same.
#pragma once

#include <span>
#include <string_view>

#include "io/vcf_state.h"

namespace dnabird::io {

/// Whether htslib would write the record, which was parsed from `line` (eight columns, without its
/// end) and has its INFO unpacked, as that very line: numbers in the digits that htslib gives them,
/// nothing empty. May be false where it would.
bool is_as_htslib_writes(std::string_view line, const bcf1_t* record);

/// Appends to `out` the line with the annotations behind its own INFO entries, as htslib writes
/// them, and a line end.
void append_annotated(std::string_view line, std::span<const Annotation> annotations,
                      kstring_t& out);

}  // namespace dnabird::io
