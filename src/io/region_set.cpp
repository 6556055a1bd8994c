#include "io/region_set.h"

#include <algorithm>

#include "core/errors.h"
#include "core/text.h"
#include "io/contig_names.h"
#include "io/line_reader.h"

namespace dnabird::io {
namespace {

bool is_bed(std::string path) {
  for (const char* tail : {".gz", ".bgz"}) {
    if (path.ends_with(tail)) path.resize(path.size() - std::string(tail).size());
  }
  return path.ends_with(".bed");
}

std::vector<Interval> read_positions(const std::string& path) {
  std::vector<Interval> intervals;
  LineReader lines(path);
  for (std::string line; lines.next(line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> fields = core::split(line, '\t');
    const auto begin = fields.size() > 1 ? core::parse_int(fields[1]) : std::nullopt;
    const auto end = fields.size() > 2 ? core::parse_int(fields[2]) : begin;
    if (fields[0].empty() || !begin || !end || *begin < 1 || *end < *begin) {
      throw core::DataError(lines.where() + ": expected contig, begin and end, tab-separated and " +
                            "counted from 1 (a file named .bed is read as BED)");
    }
    intervals.push_back({fields[0], *begin - 1, *end, {}, '.'});
  }
  return intervals;
}

void sort_and_merge(std::vector<Interval>& intervals) {
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::vector<Interval> merged;
  for (const Interval& interval : intervals) {
    if (interval.begin == interval.end) continue;
    if (!merged.empty() && interval.begin <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, interval.end);
    } else {
      merged.push_back(interval);
    }
  }
  intervals = std::move(merged);
}

}  // namespace

std::vector<Interval> read_region_file(const std::string& path) {
  std::vector<Interval> intervals = is_bed(path) ? read_bed(path) : read_positions(path);
  if (intervals.empty()) throw core::DataError("'" + path + "' holds no region");
  return intervals;
}

RegionSet::RegionSet(const std::string& text, const std::string& path) {
  if (!text.empty()) {
    for (Interval& interval : parse_regions(text)) {
      by_contig_[interval.contig].push_back(std::move(interval));
    }
  }
  if (!path.empty()) {
    for (Interval& interval : read_region_file(path)) {
      by_contig_[interval.contig].push_back(std::move(interval));
    }
  }
  for (auto& [contig, intervals] : by_contig_) sort_and_merge(intervals);
}

bool RegionSet::overlaps(const std::string& contig, std::int64_t begin, std::int64_t end) const {
  auto found = by_contig_.find(contig);
  if (found == by_contig_.end()) {
    for (const std::string& alias : contig_aliases(contig)) {
      found = by_contig_.find(alias);
      if (found != by_contig_.end()) break;
    }
  }
  if (found == by_contig_.end()) return false;
  // The last region that begins before `end`; merged regions end in the same order.
  const std::vector<Interval>& intervals = found->second;
  const auto behind = std::partition_point(intervals.begin(), intervals.end(),
                                           [end](const Interval& i) { return i.begin < end; });
  return behind != intervals.begin() && std::prev(behind)->end > begin;
}

}  // namespace dnabird::io
