// Reads the tensors of a model one by one, from one safetensors file or from shards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace dnabird::io {

class TensorReader {
 public:
  /// One file. Throws DataError that names it and the tensor: truncated, header longer than the
  /// file, and what parse_safetensors_header says.
  static TensorReader open(const std::string& path);
  /// The files that the "weight_map" of an index (model.safetensors.index.json) names, which lie in
  /// its folder. Throws DataError if map and files disagree on which tensor is where.
  static TensorReader open_shards(const std::string& index_path);

  const std::map<std::string, TensorEntry>& tensors() const { return tensors_; }
  /// Of all files; of a key that several have, the first.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Paths, in the order of their names.
  const std::vector<std::string>& files() const { return paths_; }
  /// The path of the file that holds a tensor.
  const std::string& file_of(const std::string& name) const;

  /// Hands on the values of a tensor as floats, piece by piece in order, so that no more than a
  /// piece is held. `take` gets the index of the piece's first element and the piece. Throws
  /// DataError that names file and tensor.
  void read_floats(const std::string& name,
                   const std::function<void(std::int64_t, std::span<const float>)>& take) const;
  HostTensor read(const std::string& name) const;

 private:
  class File;
  TensorReader() = default;
  void add(const std::string& path);
  const File& holder(const std::string& name) const;

  std::vector<std::string> paths_;
  std::vector<std::shared_ptr<const File>> files_;
  std::map<std::string, TensorEntry> tensors_;
  std::map<std::string, std::size_t> holders_;  // which of files_
  std::map<std::string, std::string> metadata_;
};

}  // namespace dnabird::io
