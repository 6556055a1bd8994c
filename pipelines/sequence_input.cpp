#include "pipelines/sequence_input.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "data/sequence_field.h"
#include "data/sequences.h"
#include "io/csv.h"

namespace dnabird::pipelines {
namespace {

void for_each_row(const std::string& path,
                  const std::function<void(const io::NamedSequence&)>& use) {
  io::CsvReader reader(path);
  const auto bases = static_cast<std::size_t>(reader.column("sequence"));
  const std::vector<std::string>& header = reader.header();
  const auto named = std::find(header.begin(), header.end(), "name");
  std::int64_t n_rows = 0;
  for (std::vector<std::string> fields; reader.next(fields);) {
    ++n_rows;
    std::string name =
        named == header.end() ? "" : fields[static_cast<std::size_t>(named - header.begin())];
    if (name.empty()) name = std::to_string(n_rows);
    use({std::move(name), data::sequence_of_field(fields[bases], reader)});
  }
  if (n_rows == 0) throw core::DataError("'" + path + "' holds no sequence");
}

}  // namespace

void for_each_sequence(const std::string& path,
                       const std::function<void(const io::NamedSequence&)>& use) {
  if (!data::is_fasta(path)) return for_each_row(path, use);
  io::SequenceReader reader(path);
  for (io::NamedSequence sequence; reader.next(sequence);) use(sequence);
}

std::string field_of_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c <= ' '; }, '_');
  return name;
}

}  // namespace dnabird::pipelines
