// Tab-separated output of commands: its rows, and comparison with a stored ("golden") one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/text.h"
#include "support/temp_folder.h"
#include "support/test_data.h"

namespace dnabird::support {

using Rows = std::vector<std::vector<std::string>>;

inline std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Fields of the lines that do not begin with #.
inline Rows rows_of(const std::string& text) {
  Rows rows;
  for (const std::string& line : lines_of(text)) {
    if (!line.empty() && line[0] != '#') rows.push_back(core::split(line, '\t'));
  }
  return rows;
}

/// The text without its line of the command, which holds the names of files: what does not depend
/// on where and how it was run.
inline std::string without_command(const std::string& text) {
  std::string kept;
  for (const std::string& line : lines_of(text)) {
    if (line.rfind("#command=", 0) != 0) kept += line + "\n";
  }
  return kept;
}

/// True if both are the same text, or numbers with a fraction within the tolerance (relative to
/// the larger of `expected` and 1).
inline bool same_field(const std::string& actual, const std::string& expected, double tolerance) {
  if (actual == expected) return true;
  if (actual.find('.') == std::string::npos && expected.find('.') == std::string::npos) {
    return false;
  }
  const auto a = core::parse_double(actual), e = core::parse_double(expected);
  return a && e && std::abs(*a - *e) <= tolerance * std::max(1.0, std::abs(*e));
}

/// Rows equal to those of a stored file, numbers within the tolerance: machines differ in the last
/// digits. With DNABIRD_WRITE_GOLDEN set it writes the file instead.
inline ::testing::AssertionResult matches_golden(const std::string& text, const std::string& name,
                                                 double tolerance) {
  const std::string path = test_data_folder() + "/../golden/" + name;
  if (std::getenv("DNABIRD_WRITE_GOLDEN") != nullptr) {
    std::ofstream out(path, std::ios::binary);
    for (const std::string& line : lines_of(text)) {
      if (line[0] != '#') out << line << "\n";
    }
    return ::testing::AssertionFailure() << "wrote " << path;
  }
  const Rows actual = rows_of(text), expected = rows_of(read_text(path));
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure()
           << actual.size() << " rows, " << name << " has " << expected.size();
  }
  for (std::size_t r = 0; r < actual.size(); ++r) {
    bool same = actual[r].size() == expected[r].size();
    for (std::size_t f = 0; same && f < actual[r].size(); ++f) {
      same = same_field(actual[r][f], expected[r][f], tolerance);
    }
    if (same) continue;
    return ::testing::AssertionFailure()
           << "row " << r + 1 << ": '" << core::join(actual[r], " ") << "', " << name << " has '"
           << core::join(expected[r], " ") << "'";
  }
  return ::testing::AssertionSuccess();
}

}  // namespace dnabird::support
