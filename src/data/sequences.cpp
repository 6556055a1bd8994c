#include "data/sequences.h"

#include <utility>

#include "core/errors.h"
#include "data/sequence_field.h"
#include "io/csv.h"
#include "io/line_reader.h"

namespace dnabird::data {

bool is_fasta(const std::string& path) {
  if (path == "-") return true;
  io::LineReader lines(path);
  for (std::string line; lines.next(line);) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin != std::string::npos) return line[begin] == '>' || line[begin] == '@';
  }
  throw core::DataError("'" + path + "' is empty");
}

std::vector<io::NamedSequence> read_sequences(const std::string& path) {
  std::vector<io::NamedSequence> sequences;
  io::NamedSequence sequence;
  if (is_fasta(path)) {
    for (io::SequenceReader reader(path); reader.next(sequence);) {
      sequences.push_back(std::move(sequence));
    }
    return sequences;
  }
  io::CsvReader reader(path);
  const int column = reader.column("sequence");
  for (std::vector<std::string> fields; reader.next(fields);) {
    sequences.push_back({"line_" + std::to_string(reader.line()),
                         sequence_of_field(fields[static_cast<std::size_t>(column)], reader)});
  }
  if (sequences.empty()) throw core::DataError("'" + path + "' holds no sequence");
  return sequences;
}

}  // namespace dnabird::data
