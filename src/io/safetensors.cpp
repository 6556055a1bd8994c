#include "io/safetensors.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "core/errors.h"
#include "io/output_file.h"
#include "io/tensor_reader.h"
#include "io/tensor_values.h"

namespace dnabird::io {
namespace {

template <class To>
std::vector<To> as_numbers(const HostTensor& tensor) {
  std::vector<To> values;
  numbers_of(tensor.dtype, tensor.bytes, values);
  return values;
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
  if (dtype != "I32")
    throw core::DataError("a tensor of dtype '" + dtype + "' was expected to be I32");
  return as_numbers<std::int32_t>(*this);
}

TensorFile read_safetensors(const std::string& path) {
  const TensorReader reader = TensorReader::open(path);
  TensorFile file;
  file.metadata = reader.metadata();
  for (const auto& [name, entry] : reader.tensors()) file.tensors[name] = reader.read(name);
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

}  // namespace dnabird::io
