#include "io/new_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "core/errors.h"
#include "io/file_error.h"
#include "io/partial_registry.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void sync_folder(const fs::path& folder) {
  const int file = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);  // not every file system can; the rename stands without it
  close(file);
}

}  // namespace

NewFolder::NewFolder(std::string path, const std::vector<std::string>& names)
    : path_(without_slash(std::move(path))) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(path_, error))) {
    throw core::DataError("cannot write folder '" + path_ +
                          "': it exists already; name a new one or remove it first");
  }
  const fs::path parent = fs::path(path_).parent_path();
  if (!parent.empty() && !fs::is_directory(parent, error)) {
    throw core::DataError("cannot write folder '" + path_ + "': there is no folder '" +
                          parent.string() + "'; make it first");
  }
  const std::string name = fs::path(path_).filename().string();
  temporary_ = (parent / ("." + name + ".partial-" + std::to_string(getpid()))).string();
  if (mkdir(temporary_.c_str(), 0777) != 0) throw_file_error("write folder", path_, errno);
  for (const std::string& file_name : names) slots_.push_back(register_partial(file(file_name)));
  slots_.push_back(register_partial(temporary_));
}

NewFolder::~NewFolder() {
  release();
  if (committed_) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void NewFolder::release() {
  for (const int slot : slots_) release_partial(slot);
  slots_.clear();
}

std::string NewFolder::file(const std::string& name) const {
  return (fs::path(temporary_) / name).string();
}

void NewFolder::commit() {
  sync_folder(temporary_);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw_file_error("write folder", path_, errno);
  }
  committed_ = true;
  release();
  sync_folder(fs::path(path_).parent_path());
}

}  // namespace dnabird::io
