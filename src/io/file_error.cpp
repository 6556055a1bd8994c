#include "io/file_error.h"

#include <fcntl.h>
#include <htslib/hts_log.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace dnabird::io {

std::string system_reason(int error_number) {
  return error_number == 0 ? "unknown reason" : std::generic_category().message(error_number);
}

void throw_file_error(const std::string& action, const std::string& path, int error_number) {
  throw core::DataError("cannot " + action + " '" + path + "': " + system_reason(error_number));
}

void require_readable(const std::string& path) {
  if (path == "-") return;
  struct stat status;
  if (stat(path.c_str(), &status) != 0) throw_file_error("read", path, errno);
  if (S_ISDIR(status.st_mode)) throw_file_error("read", path, EISDIR);
  if (access(path.c_str(), R_OK) != 0) throw_file_error("read", path, errno);
}

void silence_htslib() { hts_set_log_level(HTS_LOG_OFF); }

}  // namespace dnabird::io
