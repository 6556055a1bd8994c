#include "io/safetensors_stream.h"

#include <bit>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.h"
#include "io/file_error.h"

namespace dnabird::io {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

constexpr const char* kMetadata = "__metadata__";
constexpr std::size_t kCopiedAtOnce = 1 << 20;

}  // namespace

bool is_tensor_name(const std::string& name) {
  if (name == kMetadata) return false;
  try {
    return !nlohmann::json(name).dump().empty();
  } catch (const nlohmann::json::type_error&) {  // not UTF-8
    return false;
  }
}

SafetensorsStream::SafetensorsStream(const std::string& path,
                                     std::map<std::string, std::string> metadata)
    : path_(path),
      metadata_(std::move(metadata)),
      output_(path),
      data_path_(std::in_place, path + ".data"),
      data_(nullptr) {
  errno = 0;
  data_ = std::fopen(data_path_->temporary().c_str(), "w+b");
  if (!data_) throw_file_error("write", path, errno);
}

SafetensorsStream::~SafetensorsStream() {
  if (data_) std::fclose(data_);
}

void SafetensorsStream::add(const std::string& name, const std::vector<std::int64_t>& shape,
                            std::span<const float> values) {
  std::uint64_t count = 1;
  for (const std::int64_t dim : shape) count *= static_cast<std::uint64_t>(dim);
  core::require(count == values.size(), "SafetensorsStream: shape and values disagree");
  core::require(is_tensor_name(name) && names_.insert(name).second,
                "SafetensorsStream: the name of tensor '" + name + "' is taken or impossible");
  errno = 0;
  // What is empty may have no address, which fwrite must have.
  if (!values.empty() &&
      std::fwrite(values.data(), sizeof(float), values.size(), data_) != values.size()) {
    throw_file_error("write", path_, errno);
  }
  entries_.push_back({name, shape, values.size() * sizeof(float)});
}

std::string SafetensorsStream::header() const {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata_.empty()) header[kMetadata] = metadata_;
  // A command line may hold anything.
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::uint64_t offset = 0;
  // By hand: an object of a million keys that keep their order would compare each with all others.
  text.pop_back();
  for (const Entry& entry : entries_) {
    const nlohmann::ordered_json value = {{"dtype", "F32"},
                                          {"shape", entry.shape},
                                          {"data_offsets", {offset, offset + entry.n_bytes}}};
    if (text.size() > 1) text += ',';
    text += nlohmann::json(entry.name).dump() + ":" + value.dump();
    offset += entry.n_bytes;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data start at a multiple of 8
  return text;
}

void SafetensorsStream::copy_data(TextOutput& out) {
  errno = 0;
  if (std::fflush(data_) != 0 || std::fseek(data_, 0, SEEK_SET) != 0) {
    throw_file_error("write", path_, errno);
  }
  std::vector<char> buffer(kCopiedAtOnce);
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), data_)) {
    out.write({buffer.data(), n});
  }
  if (std::ferror(data_)) throw_file_error("write", path_, errno);
}

void SafetensorsStream::commit() {
  const std::string text = header();
  const std::uint64_t n_header = text.size();
  output_.write({reinterpret_cast<const char*>(&n_header), sizeof(n_header)});
  output_.write(text);
  copy_data(output_);
  data_path_.reset();
  output_.commit();
}

}  // namespace dnabird::io
