// NumPy's file of one array (.npy), written row by row.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "io/output_file.h"

namespace dnabird::io {

/// A matrix (rows, columns) of float32 in C order. The file appears whole or not at all; the number
/// of rows, which stands in its header, is filled in at the end.
/// Format: version 1.0 of numpy.lib.format (NEP 1).
class NpyWriter {
 public:
  /// Throws DataError with path and reason; also for what cannot be sought in, such as a pipe.
  NpyWriter(const std::string& path, std::int64_t columns);
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  /// Whole rows, one behind the other. Throws DataError when a write fails.
  void write(std::span<const float> values);
  std::int64_t rows() const { return rows_; }
  void commit();

 private:
  void write_header();

  PartialOutput partial_;
  std::FILE* file_;
  std::int64_t columns_, rows_ = 0;
};

}  // namespace dnabird::io
