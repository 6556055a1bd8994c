#include "io/sha256.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "io/file_error.h"
#include "io/sha256_blocks.h"

namespace dnabird::io {

void Sha256::update(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  total_ += size;
  while (size > 0) {
    if (filled_ == 0 && size >= block_.size()) {
      const std::size_t n_blocks = size / block_.size();
      sha256_blocks(bytes, n_blocks, state_);
      bytes += n_blocks * block_.size();
      size -= n_blocks * block_.size();
      continue;
    }
    const std::size_t n = std::min(size, block_.size() - filled_);
    std::memcpy(block_.data() + filled_, bytes, n);
    filled_ += n;
    bytes += n;
    size -= n;
    if (filled_ == block_.size()) {
      sha256_blocks(block_.data(), 1, state_);
      filled_ = 0;
    }
  }
}

std::string Sha256::hex_digest() {
  const std::uint64_t bits = total_ * 8;
  const unsigned char one = 0x80, zero = 0;
  update(&one, 1);
  while (filled_ != 56) update(&zero, 1);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
  update(length, 8);
  std::string hex;
  for (const std::uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  }
  return hex;
}

std::string sha256_of_files(const std::vector<std::string>& paths) {
  Sha256 hash;
  std::vector<char> buffer(1 << 18);
  for (const std::string& path : paths) {
    require_readable(path);
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) throw_file_error("read", path, errno);
    while (in) {
      in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      hash.update(buffer.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad()) throw_file_error("read", path, errno);
  }
  return hash.hex_digest();
}

std::string sha256_of_file(const std::string& path) { return sha256_of_files({path}); }

}  // namespace dnabird::io
