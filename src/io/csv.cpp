#include "io/csv.h"

#include <algorithm>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "io/line_reader.h"

namespace dnabird::io {

struct CsvReader::State {
  explicit State(const std::string& path) : lines(path) {}

  LineReader lines;

  /// The fields of the next row that is not blank; quoted fields may hold line ends.
  bool read_row(std::vector<std::string>& fields, std::int64_t& first_line);
};

bool CsvReader::State::read_row(std::vector<std::string>& fields, std::int64_t& first_line) {
  fields.clear();
  std::string line;
  do {
    if (!lines.next(line)) return false;
  } while (line.empty());
  first_line = lines.line();
  std::string field;
  bool quoted = false;      // inside of quotes
  bool was_quoted = false;  // this field's quotes are closed
  for (std::size_t i = 0;;) {
    if (i == line.size()) {
      if (!quoted) break;
      field += '\n';
      if (!lines.next(line)) {
        throw core::DataError("'" + lines.path() + "' line " + std::to_string(first_line) +
                              ": a quote is not closed");
      }
      i = 0;
      continue;
    }
    const char c = line[i++];
    if (quoted && c == '"') {
      const bool doubled = i < line.size() && line[i] == '"';
      if (doubled) {
        field += line[i++];
      } else {
        quoted = false;
        was_quoted = true;
      }
    } else if (quoted) {  // NOLINT(bugprone-branch-clone): the rules in their order
      field += c;
    } else if (c == ',') {
      fields.push_back(std::exchange(field, {}));
      was_quoted = false;
    } else if (c == '"' && field.empty() && !was_quoted) {
      quoted = true;
    } else if (c == '"' || was_quoted) {
      throw core::DataError(lines.where() + ": a quote inside of a field; double it");
    } else {
      field += c;
    }
  }
  fields.push_back(std::move(field));
  return true;
}

CsvReader::CsvReader(const std::string& path) : state_(std::make_unique<State>(path)), path_(path) {
  if (!state_->read_row(header_, line_)) throw core::DataError("'" + path + "' is empty");
  const std::string byte_order_mark = "\xEF\xBB\xBF";
  if (header_[0].starts_with(byte_order_mark)) header_[0].erase(0, byte_order_mark.size());
}

CsvReader::~CsvReader() = default;

int CsvReader::column(const std::string& name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found == header_.end()) {
    throw core::DataError("'" + path_ + "' has no column '" + name + "'; its columns are " +
                          core::printable(core::join(header_, ", ")));
  }
  return static_cast<int>(found - header_.begin());
}

bool CsvReader::next(std::vector<std::string>& fields) {
  if (!state_->read_row(fields, line_)) return false;
  if (fields.size() != header_.size()) {
    throw core::DataError("'" + path_ + "' line " + std::to_string(line_) + ": " +
                          std::to_string(fields.size()) + " fields, the header has " +
                          std::to_string(header_.size()));
  }
  return true;
}

}  // namespace dnabird::io
