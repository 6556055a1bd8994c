#include "io/intervals.h"

#include <algorithm>
#include <optional>

#include "core/errors.h"
#include "core/text.h"
#include "io/line_reader.h"

namespace dnabird::io {
namespace {

/// A position with commas in it; the commas are dropped.
std::optional<std::int64_t> parse_position(std::string text) {
  std::erase(text, ',');
  const std::optional<std::int64_t> value = core::parse_int(text);
  return value && *value >= 1 ? value : std::nullopt;
}

bool is_digits(const std::string& text, std::size_t begin, std::size_t end) {
  return begin < end && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                    text.begin() + static_cast<std::ptrdiff_t>(end),
                                    [](char c) { return c >= '0' && c <= '9'; });
}

/// True if the comma at `at` stands inside a number: digits since the last ':', '-' or ',' before
/// it, then exactly three digits behind it, in a part that has a ':' already.
bool is_thousands_comma(const std::string& text, std::size_t part_begin, std::size_t at) {
  if (text.find(':', part_begin) >= at) return false;
  const std::size_t number = text.find_last_of(":-,", at - 1) + 1;
  std::size_t end = at + 1;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  const bool closed = end == text.size() || text[end] == ',' || text[end] == '-';
  return is_digits(text, number, at) && at - number <= 3 && end - at == 4 && closed;
}

std::vector<std::string> split_regions(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && (text[i] != ',' || is_thousands_comma(text, begin, i))) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return parts;
}

Interval parse_region(const std::string& part) {
  const auto fail = [&part]() -> core::UsageError {
    return core::UsageError("'" + part + "' is not a region; write contig, contig:begin-end or " +
                            "contig:position, counted from 1");
  };
  // Behind the last colon stands a range, if it looks like one: names may hold colons (HLA).
  const std::size_t colon = part.rfind(':');
  Interval region{part, 0, kToEnd, {}, '.'};
  if (colon != std::string::npos) {
    region.contig = part.substr(0, colon);
    const std::string range = part.substr(colon + 1);
    const std::size_t dash = range.find('-');
    const auto begin = parse_position(range.substr(0, dash));
    if (!begin) throw fail();
    region.begin = *begin - 1;
    if (dash == std::string::npos) {
      region.end = *begin;
    } else if (dash + 1 < range.size()) {
      const auto end = parse_position(range.substr(dash + 1));
      if (!end || *end < *begin) throw fail();
      region.end = *end;
    }
  }
  if (region.contig.empty()) throw fail();
  return region;
}

/// One line of BED; false for a comment or a header of a browser.
bool parse_bed_line(const LineReader& lines, const std::string& line, Interval& interval) {
  if (line.empty() || line[0] == '#' || line.starts_with("track") || line.starts_with("browser")) {
    return false;
  }
  const bool has_tabs = line.find('\t') != std::string::npos;
  std::vector<std::string> fields = core::split(line, has_tabs ? '\t' : ' ');
  if (!has_tabs) std::erase(fields, "");
  if (fields.size() < 3 || fields[0].empty()) {
    throw core::DataError(lines.where() + ": a BED line has at least contig, begin and end");
  }
  const auto begin = core::parse_int(fields[1]);
  const auto end = core::parse_int(fields[2]);
  if (!begin || !end || *begin < 0 || *end < *begin) {
    throw core::DataError(lines.where() + ": '" + fields[1] + "' to '" + fields[2] +
                          "' is not a range; expected 0-based begin <= end");
  }
  interval = Interval{fields[0], *begin, *end, fields.size() > 3 ? fields[3] : "", '.'};
  if (fields.size() > 5) {
    if (fields[5] != "+" && fields[5] != "-" && fields[5] != ".") {
      throw core::DataError(lines.where() + ": the strand is '" + fields[5] +
                            "'; expected +, - or .");
    }
    interval.strand = fields[5][0];
  }
  return true;
}

}  // namespace

std::vector<Interval> parse_regions(const std::string& text) {
  std::vector<Interval> regions;
  for (const std::string& part : split_regions(text)) regions.push_back(parse_region(part));
  return regions;
}

std::vector<Interval> read_bed(const std::string& path) {
  std::vector<Interval> intervals;
  LineReader lines(path);
  Interval interval;
  for (std::string line; lines.next(line);) {
    if (parse_bed_line(lines, line, interval)) intervals.push_back(interval);
  }
  return intervals;
}

}  // namespace dnabird::io
