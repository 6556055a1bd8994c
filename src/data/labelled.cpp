#include "data/labelled.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "core/errors.h"
#include "core/text.h"
#include "data/sequence_field.h"
#include "io/csv.h"

namespace dnabird::data {

using core::DataError;
using model::HeadTask;

namespace {

constexpr std::int64_t kMostClasses = 10000;  // a larger number is a value, not a class

/// The columns of one file, and its rows appended to the data. Labels of classes stay text until
/// all files are read, because their names may have to be found first.
struct Reader {
  const LabelledOptions& options;
  LabelledData& data;
  std::vector<std::string>& label_texts;  // (R) classification

  void read(const std::string& path);
  void check_length(std::size_t n_bases, const io::CsvReader& csv) const;
  float value_of(const std::string& text, const std::string& column,
                 const io::CsvReader& csv) const;
};

void Reader::check_length(std::size_t n_bases, const io::CsvReader& csv) const {
  const auto n = static_cast<std::int64_t>(n_bases);
  if (n < options.least_bases) {
    throw DataError(where(csv) + ": a sequence of " + std::to_string(n) +
                    " bases, expected at least " + std::to_string(options.least_bases));
  }
  if (options.most_bases > 0 && n > options.most_bases) {
    throw DataError(where(csv) + ": a sequence of " + std::to_string(n) +
                    " bases, the model reads at most " + std::to_string(options.most_bases) +
                    "; cut it");
  }
}

float Reader::value_of(const std::string& text, const std::string& column,
                       const io::CsvReader& csv) const {
  if (text.empty() || text == "NA") return std::numeric_limits<float>::quiet_NaN();
  const std::optional<double> value = core::parse_double(text);
  const bool is_label = options.task == HeadTask::multi_label;
  if (!value || std::abs(*value) > std::numeric_limits<float>::max()) {
    throw DataError(where(csv) + ": '" + core::printable(text) + "' in column '" + column +
                    "' is not a number of single precision");
  }
  if (is_label && !std::isnan(*value) && *value != 0 && *value != 1) {
    throw DataError(where(csv) + ": '" + text + "' in column '" + column +
                    "'; expected 0, 1 or nothing");
  }
  return static_cast<float>(*value);
}

void Reader::read(const std::string& path) {
  io::CsvReader csv(path);
  const auto file = static_cast<std::int32_t>(data.paths.size());
  data.paths.push_back(path);
  const int sequence = csv.column("sequence");
  const bool is_class = options.task == HeadTask::classification;
  std::vector<int> columns;
  if (is_class) {
    columns.push_back(csv.column("label"));
  } else {
    for (const std::string& target : data.targets) columns.push_back(csv.column(target));
  }
  for (std::vector<std::string> fields; csv.next(fields);) {
    data.sequences.push_back(sequence_of_field(fields[sequence], csv));
    check_length(data.sequences.back().size(), csv);
    data.origins.push_back({file, csv.line()});
    if (is_class) {
      const std::string& label = fields[columns[0]];
      if (label.empty()) throw DataError(where(csv) + ": the label is empty");
      label_texts.push_back(label);
      continue;
    }
    for (std::size_t k = 0; k < columns.size(); ++k) {
      data.truth.push_back(value_of(fields[columns[k]], data.targets[k], csv));
    }
  }
}

std::optional<std::int64_t> class_number(const std::string& text) {
  const std::optional<std::int64_t> number = core::parse_int(text);
  return number && *number >= 0 ? number : std::nullopt;
}

/// Names of the classes from the labels: "0" to the largest if all are numbers, else sorted names.
std::vector<std::string> find_classes(const LabelledData& data,
                                      const std::vector<std::string>& texts) {
  const std::set<std::string> names(texts.begin(), texts.end());
  const auto is_number = [](const std::string& text) { return class_number(text).has_value(); };
  if (!std::all_of(names.begin(), names.end(), is_number)) {
    const auto odd = std::find_if(texts.begin(), texts.end(), [](const std::string& text) {
      const std::optional<double> value = core::parse_double(text);
      return value && !std::isnan(*value) && !class_number(text);
    });
    if (odd != texts.end()) {
      throw DataError(data.where(odd - texts.begin()) + ": label '" + core::printable(*odd) +
                      "' is not a class; expected whole numbers from 0, or names");
    }
    return {names.begin(), names.end()};
  }
  std::int64_t largest = 0;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    const std::int64_t number = *class_number(texts[row]);
    if (number > kMostClasses) {
      throw DataError(data.where(static_cast<std::int64_t>(row)) + ": label " + texts[row] +
                      " is not a class; expected at most " + std::to_string(kMostClasses));
    }
    largest = std::max(largest, number);
  }
  std::vector<std::string> classes;
  for (std::int64_t c = 0; c <= largest; ++c) classes.push_back(std::to_string(c));
  return classes;
}

void number_labels(LabelledData& data, const std::vector<std::string>& texts) {
  std::map<std::string, std::int32_t> by_name;
  bool named_by_number = false;
  for (std::size_t c = 0; c < data.targets.size(); ++c) {
    by_name[data.targets[c]] = static_cast<std::int32_t>(c);
    named_by_number |= class_number(data.targets[c]).has_value();
  }
  const auto classes = static_cast<std::int64_t>(data.targets.size());
  for (std::size_t row = 0; row < texts.size(); ++row) {
    const auto found = by_name.find(texts[row]);
    const std::optional<std::int64_t> number = class_number(texts[row]);
    if (found != by_name.end()) {
      data.labels.push_back(found->second);
    } else if (!named_by_number && number && *number < classes) {
      data.labels.push_back(static_cast<std::int32_t>(*number));
    } else {
      throw DataError(data.where(static_cast<std::int64_t>(row)) + ": label '" +
                      core::printable(texts[row]) + "' is none of the classes " +
                      core::join(data.targets, ", ") +
                      (named_by_number ? "" : ", nor the number of one"));
    }
  }
}

}  // namespace

std::string LabelledData::where(std::int64_t row) const {
  const Origin& origin = origins[row];
  return "'" + paths[origin.file] + "' line " + std::to_string(origin.line);
}

LabelledData LabelledData::without(const std::vector<char>& marks) const {
  core::require(marks.size() == sequences.size(), "marks of other rows");
  LabelledData kept;
  kept.task = task;
  kept.targets = targets;
  kept.paths = paths;
  const std::size_t k = targets.size();
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    if (marks[row] != 0) continue;
    kept.sequences.push_back(sequences[row]);
    kept.origins.push_back(origins[row]);
    if (!labels.empty()) kept.labels.push_back(labels[row]);
    if (!truth.empty()) {
      kept.truth.insert(kept.truth.end(), truth.begin() + static_cast<std::ptrdiff_t>(row * k),
                        truth.begin() + static_cast<std::ptrdiff_t>((row + 1) * k));
    }
  }
  return kept;
}

LabelledData read_labelled(const std::vector<std::string>& paths, const LabelledOptions& options) {
  core::require(options.task != HeadTask::none, "labelled data without a task");
  LabelledData data;
  data.task = options.task;
  data.targets = options.targets;
  const bool is_class = options.task == HeadTask::classification;
  if (!is_class && data.targets.empty()) data.targets = {"label"};
  std::vector<std::string> label_texts;
  Reader reader{options, data, label_texts};
  for (const std::string& path : paths) reader.read(path);
  if (data.sequences.empty()) {
    throw DataError("'" + core::join(paths, "', '") + "': no row behind the header");
  }
  if (is_class) {
    if (data.targets.empty()) data.targets = find_classes(data, label_texts);
    number_labels(data, label_texts);
  }
  return data;
}

}  // namespace dnabird::data
