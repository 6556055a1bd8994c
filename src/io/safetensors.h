// Named tensors in one file: the safetensors format (8-byte length, JSON header, raw data).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dnabird::io {

/// A tensor on the host, its elements as they are stored.
struct HostTensor {
  std::string dtype;  // "F32", "F16", "BF16", "F64", "I64", "I32" ... (io/tensor_values.h)
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

/// All tensors of a file at once. Throws what TensorReader::open throws, which reads a model of any
/// size tensor by tensor.
TensorFile read_safetensors(const std::string& path);
/// Writes whole or not at all; tensors in the order of their names.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace dnabird::io
