#include "io/tensor_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "io/file_error.h"
#include "io/json_file.h"
#include "io/tensor_values.h"

namespace dnabird::io {

using core::DataError;
using core::printable;

namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the limit of the format's own library
constexpr std::uint64_t kPieceBytes = 1 << 20;     // a multiple of every element's size

}  // namespace

class TensorReader::File {
 public:
  explicit File(const std::string& path) : path_(path) {
    require_readable(path);
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw_file_error("read", path, errno);
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  SafetensorsHeader read_header() {
    struct stat status;
    if (fstat(descriptor_, &status) != 0) throw_file_error("read", path_, errno);
    const auto n_file = static_cast<std::uint64_t>(status.st_size);
    if (n_file < sizeof(std::uint64_t)) {
      throw_bad_safetensors(path_, "it has only " + std::to_string(n_file) + " bytes");
    }
    std::uint64_t n_header = 0;
    read(0, {reinterpret_cast<char*>(&n_header), sizeof(n_header)});
    if (n_header > n_file - sizeof(n_header) || n_header > kMaxHeader) {
      throw_bad_safetensors(path_, "its header claims " + std::to_string(n_header) +
                                       " bytes, the file has " + std::to_string(n_file) +
                                       "; it is truncated or something else");
    }
    std::string text(n_header, '\0');
    read(sizeof(n_header), text);
    data_begin_ = sizeof(n_header) + n_header;
    return parse_safetensors_header(path_, text, n_file - data_begin_);
  }

  /// Bytes of the data, which begin behind the header.
  void read_data(std::uint64_t begin, std::span<char> bytes) const {
    read(data_begin_ + begin, bytes);
  }

 private:
  void read(std::uint64_t begin, std::span<char> bytes) const {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = pread(descriptor_, bytes.data() + done, bytes.size() - done,
                              static_cast<off_t>(begin + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_file_error("read", path_, errno);
      if (n == 0) throw_bad_safetensors(path_, "it became shorter while it was read");
      done += static_cast<std::size_t>(n);
    }
  }

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t data_begin_ = 0;
};

void TensorReader::add(const std::string& path) {
  const auto file = std::make_shared<File>(path);
  SafetensorsHeader header = file->read_header();
  for (auto& [name, entry] : header.tensors) {
    if (const auto other = holders_.find(name); other != holders_.end()) {
      throw DataError("'" + path + "': tensor '" + printable(name) + "' is also in '" +
                      paths_[other->second] + "'");
    }
    holders_[name] = files_.size();
    tensors_[name] = std::move(entry);
  }
  metadata_.merge(header.metadata);
  paths_.push_back(path);
  files_.push_back(file);
}

TensorReader TensorReader::open(const std::string& path) {
  TensorReader reader;
  reader.add(path);
  return reader;
}

TensorReader TensorReader::open_shards(const std::string& index_path) {
  const nlohmann::json index = read_json(index_path);
  const auto fail = [&](const std::string& what) {
    throw DataError("'" + index_path + "': " + what);
  };
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty()) {
    fail("expected an object \"weight_map\" of tensor names and files");
  }
  const std::filesystem::path folder = std::filesystem::path(index_path).parent_path();
  std::map<std::string, std::string> wanted;  // tensor to file
  std::set<std::string> names;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : std::string();
    // A model is its folder: nothing outside it is read.
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      fail("tensor '" + printable(tensor) + "' is said to be in " + printable(file.dump()) +
           ", expected the name of a file of the same folder");
    }
    wanted[tensor] = (folder / name).string();
    names.insert(wanted[tensor]);
  }
  TensorReader reader;
  for (const std::string& path : names) reader.add(path);
  for (const auto& [tensor, path] : wanted) {
    if (!reader.tensors_.contains(tensor) || reader.file_of(tensor) != path) {
      fail("tensor '" + printable(tensor) + "' is not in '" + path + "', where it is said to be");
    }
  }
  for (const auto& [tensor, entry] : reader.tensors_) {
    if (!wanted.contains(tensor)) {
      fail("tensor '" + printable(tensor) + "' of '" + reader.file_of(tensor) +
           "' is not in the weight_map");
    }
  }
  return reader;
}

const std::string& TensorReader::file_of(const std::string& name) const {
  return paths_[holders_.at(name)];
}

const TensorReader::File& TensorReader::holder(const std::string& name) const {
  return *files_[holders_.at(name)];
}

void TensorReader::read_floats(
    const std::string& name,
    const std::function<void(std::int64_t, std::span<const float>)>& take) const {
  const TensorEntry& entry = tensors_.at(name);
  std::vector<char> bytes;
  std::vector<float> values;
  std::int64_t first = 0;
  for (std::uint64_t begin = entry.begin; begin < entry.end; begin += bytes.size()) {
    bytes.resize(std::min(kPieceBytes, entry.end - begin));
    holder(name).read_data(begin, bytes);
    try {
      numbers_of(entry.dtype, bytes, values);
    } catch (const DataError&) {
      throw DataError("'" + file_of(name) + "': tensor '" + printable(name) + "' holds " +
                      entry.dtype + ", which is not supported; convert it to F32, F16 or BF16");
    }
    take(first, values);
    first += static_cast<std::int64_t>(values.size());
  }
}

HostTensor TensorReader::read(const std::string& name) const {
  const TensorEntry& entry = tensors_.at(name);
  HostTensor tensor{entry.dtype, entry.shape, std::vector<char>(entry.end - entry.begin)};
  holder(name).read_data(entry.begin, tensor.bytes);
  return tensor;
}

}  // namespace dnabird::io
