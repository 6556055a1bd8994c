#include "io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "core/errors.h"
#include "io/file_error.h"
#include "io/output_file.h"
#include "io/sha256.h"

namespace dnabird::io {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data are little-endian");

using core::DataError;
using nlohmann::json;

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the limit of the format's own library

/// Bytes of one element; 0 for a dtype that is not known.
std::uint64_t element_size(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32" || dtype == "I32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

/// IEEE 754 binary16 to double.
double half_to_double(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double mantissa = bits & 1023;
  double value;
  if (exponent == 31) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return bits >> 15 ? -value : value;
}

template <class Stored, class To, class Convert>
std::vector<To> convert_elements(const std::vector<char>& bytes, Convert convert) {
  std::vector<To> values(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = static_cast<To>(convert(stored));
  }
  return values;
}

template <class To>
std::vector<To> as_numbers(const HostTensor& tensor) {
  const auto same = [](auto value) { return value; };
  const auto bfloat = [](std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  };
  const std::vector<char>& bytes = tensor.bytes;
  if (tensor.dtype == "F32") return convert_elements<float, To>(bytes, same);
  if (tensor.dtype == "F64") return convert_elements<double, To>(bytes, same);
  if (tensor.dtype == "F16") return convert_elements<std::uint16_t, To>(bytes, half_to_double);
  if (tensor.dtype == "BF16") return convert_elements<std::uint16_t, To>(bytes, bfloat);
  if (tensor.dtype == "I64") return convert_elements<std::int64_t, To>(bytes, same);
  if (tensor.dtype == "I32") return convert_elements<std::int32_t, To>(bytes, same);
  if (tensor.dtype == "I16") return convert_elements<std::int16_t, To>(bytes, same);
  if (tensor.dtype == "I8") return convert_elements<std::int8_t, To>(bytes, same);
  if (tensor.dtype == "U8" || tensor.dtype == "BOOL") {
    return convert_elements<std::uint8_t, To>(bytes, same);
  }
  throw DataError("a tensor of dtype '" + tensor.dtype + "' cannot be read as numbers");
}

/// Where a tensor's bytes lie behind the header.
struct Extent {
  std::string name;
  std::uint64_t begin, end;
};

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw DataError("'" + path + "' is not a valid safetensors file: " + what);
}

[[noreturn]] void fail_tensor(const std::string& path, const std::string& name,
                              const std::string& what) {
  fail(path, "tensor '" + name + "' " + what);
}

/// Checks one entry of the header and enters its dtype and shape.
Extent parse_entry(const std::string& path, const std::string& name, const json& entry,
                   HostTensor& tensor) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets") || !entry["dtype"].is_string() ||
      !entry["shape"].is_array() || !entry["data_offsets"].is_array() ||
      entry["data_offsets"].size() != 2) {
    fail_tensor(path, name, "lacks dtype, shape or data_offsets");
  }
  tensor.dtype = entry["dtype"].get<std::string>();
  std::uint64_t size = element_size(tensor.dtype);
  if (size == 0) fail_tensor(path, name, "has the unknown dtype '" + tensor.dtype + "'");
  for (const json& dim : entry["shape"]) {
    if (!dim.is_number_unsigned()) fail_tensor(path, name, "has a shape that is not of counts");
    tensor.shape.push_back(dim.get<std::int64_t>());
    if (tensor.shape.back() < 0 || __builtin_mul_overflow(size, dim.get<std::uint64_t>(), &size)) {
      fail_tensor(path, name, "has a shape that is too large");
    }
  }
  const json& offsets = entry["data_offsets"];
  if (!offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    fail_tensor(path, name, "has data_offsets that are not counts");
  }
  Extent extent{name, offsets[0].get<std::uint64_t>(), offsets[1].get<std::uint64_t>()};
  if (extent.end < extent.begin || extent.end - extent.begin != size) {
    fail_tensor(path, name,
                "has shape " + entry["shape"].dump() + " of " + tensor.dtype + " (" +
                    std::to_string(size) + " bytes) but data_offsets " + offsets.dump());
  }
  return extent;
}

/// Tensors must cover the data without overlap, hole or overhang, as the format demands.
void check_extents(const std::string& path, std::vector<Extent>& extents, std::uint64_t n_data) {
  std::stable_sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t covered = 0;
  for (const Extent& extent : extents) {
    if (extent.end > n_data) {
      fail_tensor(path, extent.name,
                  "ends at byte " + std::to_string(extent.end) + " of the data, which has " +
                      std::to_string(n_data) + "; the file is truncated or damaged");
    }
    if (extent.begin < covered) fail_tensor(path, extent.name, "overlaps another tensor");
    if (extent.begin > covered) fail_tensor(path, extent.name, "leaves a hole before it");
    covered = extent.end;
  }
  if (covered != n_data) {
    fail(path, std::to_string(n_data - covered) + " bytes at its end belong to no tensor");
  }
}

void read_metadata(const std::string& path, const json& entry, TensorFile& file) {
  if (!entry.is_object()) fail(path, "__metadata__ is not an object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) fail(path, "__metadata__ '" + key + "' is not a text");
    file.metadata[key] = value.get<std::string>();
  }
}

json read_header(const std::string& path, std::ifstream& in, std::uint64_t n_file) {
  std::uint64_t n_header = 0;
  if (n_file < 8) fail(path, "it has only " + std::to_string(n_file) + " bytes");
  in.read(reinterpret_cast<char*>(&n_header), 8);
  if (n_header > n_file - 8 || n_header > kMaxHeader) {
    fail(path, "its header claims " + std::to_string(n_header) + " bytes, the file has " +
                   std::to_string(n_file) + "; it is truncated or something else");
  }
  std::string text(n_header, '\0');
  in.read(text.data(), static_cast<std::streamsize>(n_header));
  if (!in) throw_file_error("read", path, errno);
  json header = json::parse(text, nullptr, false);
  if (text.empty() || text[0] != '{' || !header.is_object()) fail(path, "its header is not JSON");
  return header;
}

}  // namespace

HostTensor HostTensor::from_floats(std::vector<std::int64_t> shape,
                                   const std::vector<float>& values) {
  const std::int64_t count =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  core::require(count == static_cast<std::int64_t>(values.size()),
                "from_floats: shape and number of values disagree");
  HostTensor tensor{"F32", std::move(shape), std::vector<char>(values.size() * sizeof(float))};
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

std::vector<float> HostTensor::floats() const { return as_numbers<float>(*this); }
std::vector<double> HostTensor::doubles() const { return as_numbers<double>(*this); }

std::vector<std::int32_t> HostTensor::ints() const {
  if (dtype != "I32") throw DataError("a tensor of dtype '" + dtype + "' was expected to be I32");
  return as_numbers<std::int32_t>(*this);
}

TensorFile read_safetensors(const std::string& path) {
  require_readable(path);
  errno = 0;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throw_file_error("read", path, errno);
  const auto n_file = static_cast<std::uint64_t>(in.tellg());
  in.seekg(0);
  const json header = read_header(path, in, n_file);

  TensorFile file;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      read_metadata(path, entry, file);
    } else {
      extents.push_back(parse_entry(path, name, entry, file.tensors[name]));
    }
  }
  const auto data_begin = static_cast<std::uint64_t>(in.tellg());
  check_extents(path, extents, n_file - data_begin);
  for (const Extent& extent : extents) {  // in the order of the file, without holes
    std::vector<char>& bytes = file.tensors[extent.name].bytes;
    bytes.resize(extent.end - extent.begin);
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!in) throw_file_error("read", path, errno);
  }
  return file;
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    std::uint64_t expected = element_size(tensor.dtype);
    for (const std::int64_t dim : tensor.shape) expected *= static_cast<std::uint64_t>(dim);
    core::require(
        element_size(tensor.dtype) != 0 && expected == tensor.bytes.size(),
        "write_safetensors: tensor '" + name + "' has dtype, shape and bytes that disagree");
    header[name]["dtype"] = tensor.dtype;
    header[name]["shape"] = tensor.shape;
    header[name]["data_offsets"] = {offset, offset + tensor.bytes.size()};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data start at a multiple of 8
  const std::uint64_t n_header = text.size();

  TextOutput out(path);
  out.write({reinterpret_cast<const char*>(&n_header), sizeof(n_header)});
  out.write(text);
  for (const auto& [name, tensor] : file.tensors) {
    out.write({tensor.bytes.data(), tensor.bytes.size()});
  }
  out.commit();
}

std::string sha256_of_file(const std::string& path) {
  require_readable(path);
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw_file_error("read", path, errno);
  Sha256 hash;
  std::vector<char> buffer(1 << 16);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.update(buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) throw_file_error("read", path, errno);
  return hash.hex_digest();
}

}  // namespace dnabird::io
