// The header of a safetensors file: what it says of each tensor, checked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dnabird::io {

struct TensorEntry {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes behind the header
};

struct SafetensorsHeader {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Parses the JSON of a header in front of `n_data` bytes of data. Throws DataError that names the
/// file (`path`) and the tensor: unknown dtype, shape and size that disagree, a name that occurs
/// twice, offsets that overlap, leave holes or leave the data.
SafetensorsHeader parse_safetensors_header(const std::string& path, const std::string& text,
                                           std::uint64_t n_data);

/// "'m.safetensors' is not a valid safetensors file: ..."
[[noreturn]] void throw_bad_safetensors(const std::string& path, const std::string& what);

}  // namespace dnabird::io
