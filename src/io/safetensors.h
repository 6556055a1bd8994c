// Named tensors in one file: the safetensors format (8-byte length, JSON header, raw data).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dnabird::io {

/// A tensor on the host. f64, f32, i32 are kept in `bytes` as stored.
struct HostTensor {
  std::string dtype;  // "F32", "F64", "I32"
  std::vector<std::int64_t> shape;
  std::vector<char> bytes;

  static HostTensor from_floats(std::vector<std::int64_t> shape, const std::vector<float>& values);
  /// As float, whatever is stored.
  std::vector<float> floats() const;
  std::vector<double> doubles() const;
  std::vector<std::int32_t> ints() const;  // I32 only
};

struct TensorFile {
  std::map<std::string, HostTensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Throws DataError that names the file and the tensor: truncated, header longer than the file,
/// offsets that overlap or leave the file, shape and size that disagree, unknown dtype.
TensorFile read_safetensors(const std::string& path);
/// Writes whole or not at all; tensors in the order of their names.
void write_safetensors(const std::string& path, const TensorFile& file);

/// Hex digest of a file's bytes.
std::string sha256_of_file(const std::string& path);

}  // namespace dnabird::io
