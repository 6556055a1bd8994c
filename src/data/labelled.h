// Sequences with labels or values, from CSV: what the heads learn from and are measured on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_config.h"

namespace dnabird::data {

struct LabelledOptions {
  model::HeadTask task = model::HeadTask::classification;
  /// Classification: names of the classes in order; empty = from the labels ("0", "1", ... or the
  /// sorted names). Others: the columns of the targets; empty = the one column `label`.
  std::vector<std::string> targets;
  std::int64_t least_bases = 1;  // shorter sequences are an error
  std::int64_t most_bases = 0;   // longer ones too; 0 = any
};

struct LabelledData {
  model::HeadTask task = model::HeadTask::classification;
  std::vector<std::string> targets;    // (K)
  std::vector<std::string> sequences;  // (R) of A C G T N
  std::vector<std::int32_t> labels;    // (R) classification: class; else empty
  std::vector<float> truth;            // (R,K) others: values or 0 / 1, NaN = missing; else empty

  struct Origin {
    std::int32_t file;  // in `paths`
    std::int64_t line;  // 1-based
  };
  std::vector<std::string> paths;
  std::vector<Origin> origins;  // (R)

  std::int64_t rows() const { return static_cast<std::int64_t>(sequences.size()); }
  /// "'train.csv' line 7"
  std::string where(std::int64_t row) const;
  /// Without the rows whose mark is not 0, (R).
  LabelledData without(const std::vector<char>& marks) const;
};

/// Reads files of columns `sequence` and `label`, or `sequence` and one per target. A class is
/// named by one of the targets or by its number from 0; a value of multi-label is 0 or 1; empty,
/// NA and nan are missing in multi-label and regression. Throws DataError with path and line;
/// also if there are no rows.
LabelledData read_labelled(const std::vector<std::string>& paths, const LabelledOptions& options);

}  // namespace dnabird::data
