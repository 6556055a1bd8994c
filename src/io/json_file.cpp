#include "io/json_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "core/errors.h"
#include "io/file_error.h"
#include "io/output_file.h"

namespace dnabird::io {

using core::DataError;

std::string read_text(const std::string& path) {
  require_readable(path);
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_file_error("read", path, errno);
  std::ostringstream buffer;
  buffer << in.rdbuf();
  if (in.bad()) throw_file_error("read", path, errno);
  return buffer.str();
}

nlohmann::json read_json(const std::string& path) { return parse_json(read_text(path), path); }

nlohmann::json parse_json(const std::string& text, const std::string& path) {
  if (text.empty()) throw DataError("'" + path + "' is empty");
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& problem) {
    const std::size_t end = std::min(problem.byte > 0 ? problem.byte - 1 : 0, text.size());
    const auto begin = text.begin();
    const auto line = std::count(begin, begin + static_cast<std::ptrdiff_t>(end), '\n') + 1;
    const std::size_t line_break = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
    const std::size_t column = line_break == std::string::npos ? end + 1 : end - line_break;
    throw DataError("'" + path + "' line " + std::to_string(line) + ", column " +
                    std::to_string(column) + ": not valid JSON");
  }
}

void write_json(const std::string& path, const nlohmann::json& value) {
  TextOutput out(path);
  out.write(value.dump(2) + "\n");
  out.commit();
}

}  // namespace dnabird::io
