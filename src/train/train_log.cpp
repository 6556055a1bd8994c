#include "train/train_log.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "core/errors.h"
#include "io/file_error.h"

namespace dnabird::train {

TrainLog::TrainLog(std::string path, std::int64_t bytes) : path_(std::move(path)), bytes_(bytes) {
  std::error_code error;
  if (bytes > 0) {
    const std::uintmax_t size = std::filesystem::file_size(path_, error);
    if (error) io::throw_file_error("read", path_, error.value());
    if (size < static_cast<std::uintmax_t>(bytes)) {
      throw core::DataError("'" + path_ + "' is shorter than the " + std::to_string(bytes) +
                            " bytes that the checkpoint knows; it was changed since");
    }
    std::filesystem::resize_file(path_, static_cast<std::uintmax_t>(bytes), error);
    if (error) io::throw_file_error("write", path_, error.value());
  }
  errno = 0;
  file_.reset(std::fopen(path_.c_str(), bytes > 0 ? "a" : "w"));
  if (!file_) io::throw_file_error("write", path_, errno);
}

void TrainLog::append(const nlohmann::ordered_json& line) {
  const std::string text = line.dump() + "\n";
  errno = 0;
  // Each line at once: whoever watches the run sees it, and a kill loses none.
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
      std::fflush(file_.get()) != 0) {
    io::throw_file_error("write", path_, errno);
  }
  bytes_ += static_cast<std::int64_t>(text.size());
}

void TrainLog::sync() {
  // Not every file system can; the order of the writes stands without it.
  fsync(fileno(file_.get()));
}

}  // namespace dnabird::train
