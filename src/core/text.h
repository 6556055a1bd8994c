// Numbers and words from text, strictly: the whole of it or an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dnabird::core {

std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);  // accepts nan and inf too
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, const std::string& separator);
/// For messages, which have one line: control characters as \n, \t, \r or \x1b.
std::string escape_controls(std::string_view text);
/// The same of what stands in a file: no more than the first 60 characters of a longer text.
std::string printable(std::string_view text);
/// 1234567 -> "1,234,567"
std::string with_commas(std::int64_t value);

}  // namespace dnabird::core
