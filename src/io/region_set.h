// Regions in the order in which a file is read, and questions to them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/intervals.h"

namespace dnabird::io {

/// BED if it is named .bed or .bed.gz, else tab-separated contig, begin, end counted from 1 (end
/// optional), in the order of the file. Throws DataError with path and line; also if there is none.
std::vector<Interval> read_region_file(const std::string& path);

class RegionSet {
 public:
  RegionSet() = default;
  /// From an option's text (parse_regions) and a file (read_region_file); either may be empty.
  /// Throws UsageError or DataError.
  RegionSet(const std::string& text, const std::string& path);

  bool is_empty() const { return by_contig_.empty(); }
  /// Sorted and merged per contig, under the names that were given.
  const std::map<std::string, std::vector<Interval>>& by_contig() const { return by_contig_; }
  /// True if [begin, end) shares a base with a region; the contig may have another of its names.
  bool overlaps(const std::string& contig, std::int64_t begin, std::int64_t end) const;

 private:
  std::map<std::string, std::vector<Interval>> by_contig_;
};

}  // namespace dnabird::io
