#include "io/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/text.h"
#include "io/tensor_values.h"

namespace dnabird::io {
namespace {

using nlohmann::json;

[[noreturn]] void fail_tensor(const std::string& path, const std::string& name,
                              const std::string& what) {
  throw_bad_safetensors(path, "tensor '" + core::printable(name) + "' " + what);
}

/// The JSON text as a tree; of a name that stands there twice the tree would keep the last entry
/// alone, so that is an error.
json parse_tree(const std::string& path, const std::string& text) {
  std::set<std::string> names;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth == 1 && event == json::parse_event_t::key &&
        !names.insert(parsed.get<std::string>()).second) {
      fail_tensor(path, parsed.get<std::string>(), "is listed twice");
    }
    return true;
  };
  if (text.empty() || text[0] != '{') throw_bad_safetensors(path, "its header is not JSON");
  json tree = json::parse(text, watch, false);
  if (!tree.is_object()) throw_bad_safetensors(path, "its header is not JSON");
  return tree;
}

std::uint64_t parse_shape(const std::string& path, const std::string& name, const json& shape,
                          TensorEntry& tensor) {
  std::uint64_t size = element_size(tensor.dtype);
  for (const json& dim : shape) {
    if (!dim.is_number_unsigned()) fail_tensor(path, name, "has a shape that is not of counts");
    tensor.shape.push_back(dim.get<std::int64_t>());
    if (tensor.shape.back() < 0 || __builtin_mul_overflow(size, dim.get<std::uint64_t>(), &size)) {
      fail_tensor(path, name, "has a shape that is too large");
    }
  }
  return size;
}

TensorEntry parse_entry(const std::string& path, const std::string& name, const json& entry) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets") || !entry["dtype"].is_string() ||
      !entry["shape"].is_array() || !entry["data_offsets"].is_array() ||
      entry["data_offsets"].size() != 2) {
    fail_tensor(path, name, "lacks dtype, shape or data_offsets");
  }
  TensorEntry tensor;
  tensor.dtype = entry["dtype"].get<std::string>();
  if (element_size(tensor.dtype) == 0) {
    fail_tensor(path, name, "has the unknown dtype '" + core::printable(tensor.dtype) + "'");
  }
  const std::uint64_t size = parse_shape(path, name, entry["shape"], tensor);
  const json& offsets = entry["data_offsets"];
  if (!offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    fail_tensor(path, name, "has data_offsets that are not counts");
  }
  tensor.begin = offsets[0].get<std::uint64_t>();
  tensor.end = offsets[1].get<std::uint64_t>();
  if (tensor.end < tensor.begin || tensor.end - tensor.begin != size) {
    fail_tensor(path, name,
                "has shape " + core::printable(entry["shape"].dump()) + " of " + tensor.dtype +
                    " (" + std::to_string(size) + " bytes) but data_offsets " + offsets.dump());
  }
  return tensor;
}

/// Tensors must cover the data without overlap, hole or overhang, as the format demands.
void check_extents(const std::string& path, const SafetensorsHeader& header, std::uint64_t n_data) {
  using Named = std::pair<const std::string, TensorEntry>;
  std::vector<const Named*> order;
  for (const Named& tensor : header.tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const Named* a, const Named* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t covered = 0;
  for (const Named* tensor : order) {
    const auto& [name, entry] = *tensor;
    if (entry.end > n_data) {
      fail_tensor(path, name,
                  "ends at byte " + std::to_string(entry.end) + " of the data, which has " +
                      std::to_string(n_data) + "; the file is truncated or damaged");
    }
    if (entry.begin < covered) fail_tensor(path, name, "overlaps another tensor");
    if (entry.begin > covered) fail_tensor(path, name, "leaves a hole before it");
    covered = entry.end;
  }
  if (covered != n_data) {
    throw_bad_safetensors(
        path, std::to_string(n_data - covered) + " bytes at its end belong to no tensor");
  }
}

void read_metadata(const std::string& path, const json& entry, SafetensorsHeader& header) {
  if (!entry.is_object()) throw_bad_safetensors(path, "__metadata__ is not an object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) {
      throw_bad_safetensors(path, "__metadata__ '" + core::printable(key) + "' is not a text");
    }
    header.metadata[key] = value.get<std::string>();
  }
}

}  // namespace

void throw_bad_safetensors(const std::string& path, const std::string& what) {
  throw core::DataError("'" + path + "' is not a valid safetensors file: " + what);
}

SafetensorsHeader parse_safetensors_header(const std::string& path, const std::string& text,
                                           std::uint64_t n_data) {
  const json tree = parse_tree(path, text);
  SafetensorsHeader header;
  for (const auto& [name, entry] : tree.items()) {
    if (name == "__metadata__") {
      read_metadata(path, entry, header);
    } else {
      header.tensors[name] = parse_entry(path, name, entry);
    }
  }
  check_extents(path, header, n_data);
  return header;
}

}  // namespace dnabird::io
