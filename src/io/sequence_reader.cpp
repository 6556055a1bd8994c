#include <cctype>
#include <string_view>

#include "core/errors.h"
#include "io/bases.h"
#include "io/fasta.h"
#include "io/line_reader.h"

namespace dnabird::io {

struct SequenceReader::State {
  explicit State(const std::string& path) : lines(path) {}

  LineReader lines;
  std::string header;  // the line that opens the next sequence
  bool has_header = false;
};

namespace {

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

/// The first word behind > or @.
std::string name_of(const std::string& header) {
  const std::size_t end = header.find_first_of(" \t");
  return header.substr(1, end == std::string::npos ? end : end - 1);
}

/// Adds the letters of a line; blanks inside are dropped. Throws DataError on anything that is not
/// a letter, a gap or a stop.
void append_bases(const std::string& line, const LineReader& lines, std::string& bases) {
  for (const char c : line) {
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '-' || c == '*' || c == '.') {
      bases += c;
    } else if (c != ' ' && c != '\t') {
      throw core::DataError(lines.where() + ": not a sequence; expected letters of bases");
    }
  }
}

/// Skips the quality lines of a FASTQ record: as many characters as it has bases.
void skip_qualities(LineReader& lines, const std::string& name, std::size_t n_bases) {
  std::string line;
  std::size_t n = 0;
  while (n < n_bases) {
    if (!lines.next(line)) {
      throw core::DataError("'" + lines.path() + "' is truncated in sequence '" + name +
                            "': its qualities are not complete");
    }
    n += line.size();
  }
  if (n != n_bases) {
    throw core::DataError(lines.where() + ": sequence '" + name + "' has " +
                          std::to_string(n_bases) + " bases and " + std::to_string(n) +
                          " qualities");
  }
}

}  // namespace

SequenceReader::SequenceReader(const std::string& path) : state_(std::make_unique<State>(path)) {
  LineReader& lines = state_->lines;
  std::string& line = state_->header;
  do {
    if (!lines.next(line)) {
      throw core::DataError("'" + path + "' holds no sequence");
    }
  } while (is_blank(line));
  if (line[0] != '>' && line[0] != '@') {
    throw core::DataError(lines.where() + ": not a FASTA or FASTQ; it must begin with > or @");
  }
  state_->has_header = true;
}

SequenceReader::~SequenceReader() = default;

bool SequenceReader::next(NamedSequence& sequence) {
  if (!state_->has_header) return false;
  LineReader& lines = state_->lines;
  const bool is_fastq = state_->header[0] == '@';
  sequence.name = name_of(state_->header);
  sequence.bases.clear();
  if (sequence.name.empty()) throw core::DataError(lines.where() + ": a sequence without a name");

  std::string line;
  bool has_qualities = false;
  state_->has_header = false;
  while (lines.next(line)) {
    if (is_blank(line)) continue;
    if (line[0] == '>' || line[0] == '@') {
      state_->header = line;
      state_->has_header = true;
      break;
    }
    if (is_fastq && line[0] == '+') {
      skip_qualities(lines, sequence.name, sequence.bases.size());
      has_qualities = true;
    } else if (has_qualities) {
      throw core::DataError(lines.where() + ": expected @ at the start of the next sequence");
    } else {
      append_bases(line, lines, sequence.bases);
    }
  }
  if (is_fastq && !has_qualities) {
    throw core::DataError("'" + lines.path() + "' is truncated in sequence '" + sequence.name +
                          "': it has no qualities");
  }
  normalize_bases(sequence.bases);
  return true;
}

}  // namespace dnabird::io
