// Many named tensors, one after the other, into one safetensors file.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "io/output_file.h"

namespace dnabird::io {

/// What write_safetensors does, for more tensors than fit into memory: here lie their names and
/// sizes alone. The data wait in a file beside the output, since the header that comes before them
/// is known at the end. Tensors stand in the order in which they were added.
class SafetensorsStream {
 public:
  /// Throws DataError with path and reason.
  SafetensorsStream(const std::string& path, std::map<std::string, std::string> metadata);
  ~SafetensorsStream();
  SafetensorsStream(const SafetensorsStream&) = delete;
  SafetensorsStream& operator=(const SafetensorsStream&) = delete;

  /// f32 of `shape`. The name is a possible one (is_tensor_name) and new. Throws DataError when a
  /// write fails.
  void add(const std::string& name, const std::vector<std::int64_t>& shape,
           std::span<const float> values);
  void commit();

 private:
  struct Entry {
    std::string name;
    std::vector<std::int64_t> shape;
    std::uint64_t n_bytes;
  };
  std::string header() const;
  void copy_data(TextOutput& out);

  std::string path_;
  std::map<std::string, std::string> metadata_;
  std::vector<Entry> entries_;
  std::unordered_set<std::string> names_;
  TextOutput output_;
  std::optional<PartialOutput> data_path_;  // never committed: gone once it is copied
  std::FILE* data_;
};

/// False for what the format cannot name a tensor: "__metadata__", and what is not UTF-8.
bool is_tensor_name(const std::string& name);

}  // namespace dnabird::io
