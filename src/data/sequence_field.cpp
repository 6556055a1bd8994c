#include "data/sequence_field.h"

#include <cctype>

#include "core/errors.h"
#include "core/text.h"
#include "seq/alphabet.h"

namespace dnabird::data {

std::string where(const io::CsvReader& reader) {
  return "'" + reader.path() + "' line " + std::to_string(reader.line());
}

std::string sequence_of_field(const std::string& field, const io::CsvReader& reader) {
  if (field.empty()) throw core::DataError(where(reader) + ": the sequence is empty");
  for (const char c : field) {
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '-' || c == '*' || c == '.') continue;
    throw core::DataError(where(reader) + ": '" + core::printable({&c, 1}) +
                          "' in the sequence; expected letters of bases");
  }
  return seq::normalize(field);
}

}  // namespace dnabird::data
