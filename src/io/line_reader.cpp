#include "io/line_reader.h"

#include <htslib/bgzf.h>
#include <htslib/hts.h>
#include <htslib/kstring.h>

#include <cerrno>
#include <cstdlib>

#include "core/errors.h"
#include "io/file_error.h"

namespace dnabird::io {

struct LineReader::State {
  BGZF* file = nullptr;
  kstring_t text = KS_INITIALIZE;

  ~State() {
    if (file) bgzf_close(file);
    std::free(text.s);
  }
};

LineReader::LineReader(const std::string& path) : state_(std::make_unique<State>()), path_(path) {
  silence_htslib();
  require_readable(path);
  errno = 0;
  state_->file = bgzf_open(path.c_str(), "r");
  if (!state_->file) throw_file_error("read", path, errno);
  // An end mark that is missing is seen before any work is done; a pipe is checked at its end.
  if (bgzf_compression(state_->file) == bgzf && bgzf_check_EOF(state_->file) == 0) {
    throw core::DataError("'" + path + "' is truncated: the end mark of bgzip is missing");
  }
  const int first = bgzf_peek(state_->file);
  if (first == -1) throw core::DataError("'" + path + "' is empty");
  // htslib takes a gzip header that is cut off for plain text.
  if (bgzf_compression(state_->file) == no_compression && first == 0x1f) {
    throw core::DataError("'" + path + "' is truncated: its gzip header is not complete");
  }
}

LineReader::~LineReader() = default;

bool LineReader::next(std::string& line) {
  BGZF* file = state_->file;
  errno = 0;
  const int n = bgzf_getline(file, '\n', &state_->text);
  if (n == -1) {
    // Cut at the edge of a block, where nothing else is wrong.
    if (bgzf_compression(file) == bgzf && file->no_eof_block) {
      throw core::DataError("'" + path_ + "' is truncated: the end mark of bgzip is missing");
    }
    return false;
  }
  if (n < 0) {
    throw core::DataError("cannot read '" + path_ + "' behind line " + std::to_string(line_) +
                          ": the compressed data are truncated or damaged");
  }
  ++line_;
  line.assign(state_->text.s, state_->text.l);
  return true;
}

std::string LineReader::where() const { return "'" + path_ + "' line " + std::to_string(line_); }

}  // namespace dnabird::io
