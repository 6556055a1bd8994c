// JSON files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace dnabird::io {

/// Reads a JSON file; throws DataError with path, line and column.
nlohmann::json read_json(const std::string& path);
/// The same of a file's text that has been read.
nlohmann::json parse_json(const std::string& text, const std::string& path);
/// A whole file as it stands.
std::string read_text(const std::string& path);
/// Writes whole or not at all.
void write_json(const std::string& path, const nlohmann::json& value);

}  // namespace dnabird::io
