#include "io/npy.h"

#include <bit>
#include <cerrno>
#include <utility>

#include "core/errors.h"
#include "io/file_error.h"

namespace dnabird::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the array is written as '<f4'");

constexpr std::size_t kHeaderBytes = 128;  // a multiple of 64, with room for any number of rows

}  // namespace

NpyWriter::NpyWriter(const std::string& path, std::int64_t columns)
    : partial_(path), file_(nullptr), columns_(columns) {
  core::require(!partial_.is_stdout() && columns > 0, "NpyWriter: a file and columns");
  errno = 0;
  file_ = std::fopen(partial_.temporary().c_str(), "wb");
  if (!file_) throw_file_error("write", path, errno);
  if (std::fseek(file_, 0, SEEK_SET) != 0) {
    const int failed = errno;
    std::fclose(std::exchange(file_, nullptr));
    throw_file_error("write", path, failed);
  }
  write_header();
}

NpyWriter::~NpyWriter() {
  if (file_) std::fclose(file_);
}

void NpyWriter::write_header() {
  const std::string array = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                            std::to_string(rows_) + ", " + std::to_string(columns_) + "), }";
  std::string header("\x93NUMPY\x01\x00", 8);
  const std::size_t n_text = kHeaderBytes - header.size() - 2;
  header += static_cast<char>(n_text & 255);
  header += static_cast<char>(n_text >> 8);
  header += array;
  header.resize(kHeaderBytes - 1, ' ');
  header += '\n';
  if (std::fwrite(header.data(), 1, header.size(), file_) != header.size()) {
    throw_file_error("write", partial_.path(), errno);
  }
}

void NpyWriter::write(std::span<const float> values) {
  const auto columns = static_cast<std::size_t>(columns_);
  core::require(values.size() % columns == 0, "NpyWriter: whole rows");
  if (values.empty()) return;  // may have no address, which fwrite must have
  errno = 0;
  if (std::fwrite(values.data(), sizeof(float), values.size(), file_) != values.size()) {
    throw_file_error("write", partial_.path(), errno);
  }
  rows_ += static_cast<std::int64_t>(values.size() / columns);
}

void NpyWriter::commit() {
  errno = 0;
  if (std::fseek(file_, 0, SEEK_SET) != 0) throw_file_error("write", partial_.path(), errno);
  write_header();
  if (std::fclose(std::exchange(file_, nullptr)) != 0) {
    throw_file_error("write", partial_.path(), errno);
  }
  partial_.commit();
}

}  // namespace dnabird::io
