// Regions of a genome, 0-based half-open.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dnabird::io {

struct Interval {
  std::string contig;
  std::int64_t begin = 0;
  std::int64_t end = 0;  // kToEnd = the contig's end
  std::string name;      // BED column 4, or empty
  char strand = '.';     // BED column 6
  bool operator==(const Interval&) const = default;
};
inline constexpr std::int64_t kToEnd = INT64_MAX;

/// "chr1", "chr1:1001-2000" (1-based, inclusive, commas in numbers allowed), comma-separated.
/// Throws UsageError naming the part that is not one.
std::vector<Interval> parse_regions(const std::string& text);

/// BED, plain or compressed. Throws DataError with path and line.
std::vector<Interval> read_bed(const std::string& path);

}  // namespace dnabird::io
