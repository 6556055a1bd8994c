// SHA-256 (FIPS 180-4), for naming the weights that made an output.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dnabird::io {

class Sha256 {
 public:
  void update(const void* data, std::size_t size);
  /// Lower-case hex; the object is spent afterwards.
  std::string hex_digest();

 private:
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t total_ = 0;  // bytes
};

/// Hex digest of a file's bytes, and of those of several files one behind the other.
std::string sha256_of_file(const std::string& path);
std::string sha256_of_files(const std::vector<std::string>& paths);

}  // namespace dnabird::io
