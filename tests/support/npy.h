// An .npy file of a float32 matrix, taken apart strictly.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <regex>
#include <string>
#include <vector>

#include "support/temp_folder.h"

namespace dnabird::support {

struct NpyMatrix {
  std::int64_t rows = -1, columns = -1;
  std::vector<float> values;  // (rows, columns)

  std::vector<float> row(std::int64_t r) const {
    return {values.begin() + r * columns, values.begin() + (r + 1) * columns};
  }
};

/// Fails the test if it is not a version 1.0 file of '<f4' in C order, whole.
inline NpyMatrix read_npy(const std::string& path) {
  static const std::regex header(
      "\\{'descr': '<f4', 'fortran_order': False, 'shape': \\(([0-9]+), ([0-9]+)\\), \\} *\n");
  NpyMatrix matrix;
  const std::string bytes = read_text(path);
  if (bytes.size() < 10 || bytes.compare(0, 8, std::string("\x93NUMPY\x01\x00", 8)) != 0) {
    ADD_FAILURE() << path << " is no .npy file of version 1.0";
    return matrix;
  }
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const std::size_t n_header = 10 + byte(8) + 256 * byte(9);
  EXPECT_EQ(n_header % 64, 0u);
  const std::string text = bytes.substr(10, n_header - 10);
  std::smatch found;
  if (!std::regex_match(text, found, header)) {
    ADD_FAILURE() << "header of " << path << ": " << text;
    return matrix;
  }
  matrix.rows = std::stoll(found[1]);
  matrix.columns = std::stoll(found[2]);
  const auto n = static_cast<std::size_t>(matrix.rows * matrix.columns);
  EXPECT_EQ(bytes.size(), n_header + n * sizeof(float)) << path;
  matrix.values.resize(std::min(n, (bytes.size() - n_header) / sizeof(float)));
  if (!matrix.values.empty()) {
    std::memcpy(matrix.values.data(), bytes.data() + n_header,
                matrix.values.size() * sizeof(float));
  }
  return matrix;
}

}  // namespace dnabird::support
