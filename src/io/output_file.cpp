#include "io/output_file.h"

#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "io/file_error.h"
#include "io/partial_registry.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxTries = 1000;
constexpr std::size_t kMaxStem = 200;  // keeps the temporary name below NAME_MAX

/// What a link stands for, so that the rename replaces the file and not the link.
std::string follow_links(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (!real) return path;
  std::string result = real;
  std::free(real);
  return result;
}

/// A file that a signal removes.
struct RegisteredFile {
  std::string name;
  int slot;
};

/// Creates an empty file beside `target` that nobody else has. Its name is registered first, so
/// that no signal comes between the two.
RegisteredFile create_beside(const std::string& target, const std::string& asked) {
  const fs::path folder = fs::path(target).parent_path();
  const std::string where = folder.empty() ? "." : folder.string();
  struct stat status;
  if (stat(where.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    throw core::DataError("cannot write '" + asked + "': there is no folder '" + where +
                          "'; make it first");
  }
  const std::string stem = fs::path(target).filename().string().substr(0, kMaxStem);
  const std::string base = "." + stem + ".partial-" + std::to_string(getpid());
  for (int i = 0; i < kMaxTries; ++i) {
    const std::string name = (folder / (i ? base + "-" + std::to_string(i) : base)).string();
    if (lstat(name.c_str(), &status) == 0) continue;
    const int slot = register_partial(name);
    const int file = open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (file >= 0) {
      close(file);
      return {name, slot};
    }
    const int failed = errno;
    release_partial(slot);
    if (failed != EEXIST) throw_file_error("write", asked, failed);
  }
  throw core::DataError("cannot write '" + asked + "': too many files named '" + base +
                        "*' beside it; remove them");
}

void sync_path(const std::string& path, int flags, const std::string& asked) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) throw_file_error("write", asked, errno);
  const int failed = fsync(file) != 0 ? errno : 0;
  close(file);
  // Some file systems cannot sync a folder; the rename itself stands.
  if (failed != 0 && failed != EINVAL && failed != ENOTSUP)
    throw_file_error("write", asked, failed);
}

[[noreturn]] void throw_write_error(const PartialOutput& output, int error_number) {
  if (error_number == EPIPE) throw ClosedPipe();
  throw_file_error("write", output.is_stdout() ? "standard output" : output.path(), error_number);
}

bool ends_with(const std::string& text, const std::string& tail) {
  return text.size() >= tail.size() &&
         text.compare(text.size() - tail.size(), tail.size(), tail) == 0;
}

}  // namespace

PartialOutput::PartialOutput(std::string path)
    : path_(std::move(path)), is_stdout_(path_.empty() || path_ == "-") {
  if (is_stdout_) {
    path_ = temporary_ = std::string(1, '-');  // GCC 12 warns wrongly about assigning "-"
    return;
  }
  struct stat status;
  const bool exists = stat(path_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) throw_file_error("write", path_, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {
    temporary_ = path_;  // a device or pipe cannot be replaced: write to it
    return;
  }
  RegisteredFile file = create_beside(exists ? follow_links(path_) : path_, path_);
  temporary_ = std::move(file.name);
  slot_ = file.slot;
}

PartialOutput::~PartialOutput() {
  if (committed_ || is_stdout_ || temporary_ == path_) return;
  unlink(temporary_.c_str());
  release_partial(slot_);
}

void PartialOutput::commit() {
  if (committed_) return;
  if (!is_stdout_ && temporary_ != path_) {
    sync_path(temporary_, O_RDONLY, path_);
    const std::string target = follow_links(path_);
    if (rename(temporary_.c_str(), target.c_str()) != 0) throw_file_error("write", path_, errno);
    release_partial(slot_);
    committed_ = true;
    const fs::path folder = fs::path(target).parent_path();
    sync_path(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY, path_);
  }
  committed_ = true;
}

TextOutput::TextOutput(const std::string& path)
    : partial_(path),
      handle_(nullptr),
      compressed_(ends_with(path, ".gz") || ends_with(path, ".bgz")) {
  silence_htslib();
  const std::string& name = partial_.temporary();
  if (compressed_) {
    handle_ = bgzf_open(name.c_str(), "w");
  } else {
    handle_ = partial_.is_stdout() ? stdout : std::fopen(name.c_str(), "w");
  }
  if (!handle_) throw_write_error(partial_, errno);
}

TextOutput::~TextOutput() {
  if (!handle_) return;
  if (compressed_) {
    bgzf_close(static_cast<BGZF*>(handle_));
  } else if (!partial_.is_stdout()) {
    std::fclose(static_cast<FILE*>(handle_));
  }
}

void TextOutput::write(std::string_view text) {
  if (text.empty()) return;
  errno = 0;
  if (compressed_) {
    auto* file = static_cast<BGZF*>(handle_);
    if (bgzf_write(file, text.data(), text.size()) < 0) throw_write_error(partial_, errno);
  } else if (std::fwrite(text.data(), 1, text.size(), static_cast<FILE*>(handle_)) != text.size()) {
    throw_write_error(partial_, errno);
  }
}

void TextOutput::commit() {
  if (!handle_) return;
  errno = 0;
  void* handle = handle_;
  if (compressed_) {
    handle_ = nullptr;
    if (bgzf_close(static_cast<BGZF*>(handle)) != 0) throw_write_error(partial_, errno);
  } else if (partial_.is_stdout()) {
    if (std::fflush(stdout) != 0) throw_write_error(partial_, errno);
    handle_ = nullptr;
  } else {
    handle_ = nullptr;
    if (std::fclose(static_cast<FILE*>(handle)) != 0) throw_write_error(partial_, errno);
  }
  partial_.commit();
}

}  // namespace dnabird::io
