// Bytes as a safetensors file: read whole or refused with one DataError line, never anything else.
// Build: cmake -DDNABIRD_FUZZ=ON with clang; run: safetensors_fuzz tests/data/fuzz/safetensors
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/errors.h"
#include "io/tensor_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = memfd_create("fuzz", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) {
    std::abort();
  }
  try {
    const dnabird::io::TensorReader reader = dnabird::io::TensorReader::open(path);
    for (const auto& [name, entry] : reader.tensors()) {
      try {
        reader.read_floats(name, [](std::int64_t, std::span<const float>) {});
      } catch (const dnabird::core::DataError&) {
        // a dtype without numbers; its bytes can be read all the same
      }
      if (reader.read(name).bytes.size() != entry.end - entry.begin) std::abort();
    }
  } catch (const dnabird::core::DataError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
