#include "io/fasta.h"

#include <htslib/bgzf.h>
#include <htslib/faidx.h>
#include <htslib/hts.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "core/errors.h"
#include "core/log.h"
#include "io/bases.h"
#include "io/contig_names.h"
#include "io/file_error.h"
#include "io/output_file.h"
#include "io/partial_registry.h"

namespace dnabird::io {
namespace {

namespace fs = std::filesystem;
using core::DataError;

/// The FASTA and its index files; gzi is empty for a plain FASTA.
struct IndexFiles {
  std::string fasta, fai, gzi;
};

/// Looks at the first bytes; returns true for bgzip.
bool check_fasta(const std::string& path) {
  require_readable(path);
  errno = 0;
  BGZF* file = path == "-" ? nullptr : bgzf_open(path.c_str(), "r");
  if (path == "-") {
    throw DataError("a FASTA to look up positions in cannot come from standard input; give a file");
  }
  if (!file) throw_file_error("read", path, errno);
  const int compression = bgzf_compression(file);
  const int first = bgzf_peek(file);
  const bool no_end = compression == bgzf && bgzf_check_EOF(file) == 0;
  bgzf_close(file);
  if (compression == gzip) {
    throw DataError("'" + path + "' is compressed with gzip, which has no random access; " +
                    "recompress it with bgzip: gzip -dc FILE | bgzip > NEW");
  }
  if (no_end) throw DataError("'" + path + "' is truncated: the end mark of bgzip is missing");
  if (first == -1) throw DataError("'" + path + "' is empty");
  if (first != '>') throw DataError("'" + path + "' is not a FASTA; it must begin with >");
  return compression == bgzf;
}

[[noreturn]] void throw_index_error(const std::string& path) {
  throw DataError("cannot index '" + path +
                  "': not a valid FASTA (lines of a sequence differ in length, or it is damaged)");
}

faidx_t* load(const IndexFiles& files) {
  return fai_load3(files.fasta.c_str(), files.fai.c_str(),
                   files.gzi.empty() ? nullptr : files.gzi.c_str(), 0);
}

bool build(const IndexFiles& files) {
  return fai_build3(files.fasta.c_str(), files.fai.c_str(),
                    files.gzi.empty() ? nullptr : files.gzi.c_str()) == 0;
}

/// False if the folder cannot be written to.
bool build_beside(const IndexFiles& files) {
  try {
    PartialOutput fai(files.fai);
    std::unique_ptr<PartialOutput> gzi;
    if (!files.gzi.empty()) gzi = std::make_unique<PartialOutput>(files.gzi);
    if (!build({files.fasta, fai.temporary(), gzi ? gzi->temporary() : std::string()})) {
      return false;  // a second try in another folder tells a full disk from a bad FASTA
    }
    if (gzi) gzi->commit();
    fai.commit();
    return true;
  } catch (const DataError&) {
    return false;
  }
}

/// A folder of our own that is gone at the end of its scope, also on Ctrl-C.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    const fs::path where = fs::temp_directory_path(error);
    if (error) {
      throw DataError("there is no folder for temporary files (" + error.message() +
                      "); set TMPDIR to one, or index the FASTA with samtools faidx");
    }
    std::string name = (where / "dnabird-XXXXXX").string();
    if (!mkdtemp(name.data())) throw_file_error("make a folder like", name, errno);
    path_ = name;
    for (const char* file : {"index.fai", "index.gzi"})
      slots_.push_back(register_partial(at(file)));
    slots_.push_back(register_partial(path_));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    for (const int slot : slots_) release_partial(slot);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  std::vector<int> slots_;
};

faidx_t* index_elsewhere(const IndexFiles& files) {
  const TemporaryFolder folder;
  const IndexFiles here{files.fasta, folder.at("index.fai"),
                        files.gzi.empty() ? std::string() : folder.at("index.gzi")};
  if (!build(here)) throw_index_error(files.fasta);
  core::log_info("no index can be written beside '" + files.fasta +
                 "'; made one for this run only (samtools faidx makes one that stays)");
  return load(here);
}

void warn_if_stale(const IndexFiles& files) {
  struct stat fasta, fai;
  if (stat(files.fasta.c_str(), &fasta) != 0 || stat(files.fai.c_str(), &fai) != 0) return;
  if (fai.st_mtime < fasta.st_mtime) {
    core::log_warning("the index '" + files.fai + "' is older than its FASTA; if the FASTA was " +
                      "changed, delete the index and it is made anew");
  }
}

faidx_t* open_index(const std::string& path) {
  const bool is_bgzip = check_fasta(path);
  const IndexFiles files{path, path + ".fai", is_bgzip ? path + ".gzi" : std::string()};
  if (fs::exists(files.fai) && (!is_bgzip || fs::exists(files.gzi))) {
    warn_if_stale(files);
    faidx_t* index = load(files);
    if (!index) {
      throw DataError("cannot read the index '" + files.fai + "'; delete it and it is made anew");
    }
    return index;
  }
  faidx_t* index = build_beside(files) ? load(files) : index_elsewhere(files);
  if (!index) throw_index_error(path);
  return index;
}

/// Upper-cases; false if there is anything that is not of a sequence.
bool to_upper_bases(std::string& bases) {
  static constexpr std::array<char, 256> kUpper = [] {  // '\0' for what is not of a sequence
    std::array<char, 256> upper{};
    for (int c = 'A'; c <= 'Z'; ++c) {
      upper[static_cast<std::size_t>(c)] = static_cast<char>(c);
      upper[static_cast<std::size_t>(c - 'A' + 'a')] = static_cast<char>(c);
    }
    for (const char c : {'-', '*'}) upper[static_cast<unsigned char>(c)] = c;
    return upper;
  }();
  bool is_sequence = true;
  for (char& base : bases) {
    base = kUpper[static_cast<unsigned char>(base)];
    is_sequence &= base != '\0';
  }
  return is_sequence;
}

const faidx_t* as_index(const void* index) { return static_cast<const faidx_t*>(index); }

}  // namespace

Fasta::Fasta(const std::string& path) : path_(path), index_(nullptr) {
  silence_htslib();
  faidx_t* index = open_index(path);
  index_ = index;
  for (int i = 0; i < faidx_nseq(index); ++i) contigs_.emplace_back(faidx_iseq(index, i));
  if (contigs_.empty()) {
    fai_destroy(index);
    throw DataError("'" + path + "' holds no sequence");
  }
}

Fasta::~Fasta() { fai_destroy(static_cast<faidx_t*>(index_)); }

std::optional<std::string> Fasta::resolve(const std::string& contig) const {
  if (faidx_has_seq(as_index(index_), contig.c_str())) return contig;
  for (const std::string& alias : contig_aliases(contig)) {
    if (faidx_has_seq(as_index(index_), alias.c_str())) return alias;
  }
  return std::nullopt;
}

std::int64_t Fasta::length(const std::string& contig) const {
  const int length = faidx_seq_len(as_index(index_), contig.c_str());
  if (length < 0) throw DataError("'" + path_ + "' has no contig '" + contig + "'");
  return length;
}

std::string Fasta::fetch_raw(const std::string& contig, std::int64_t begin,
                             std::int64_t end) const {
  begin = std::max<std::int64_t>(begin, 0);
  end = std::min(end, length(contig));
  if (begin >= end) return {};
  std::string bases;
  {
    const std::lock_guard lock(mutex_);
    hts_pos_t n = 0;
    char* text = faidx_fetch_seq64(as_index(index_), contig.c_str(), begin, end - 1, &n);
    if (text) bases.assign(text, static_cast<std::size_t>(n));
    std::free(text);
  }
  // An index of another file reads past sequence ends, into headers.
  if (static_cast<std::int64_t>(bases.size()) != end - begin || !to_upper_bases(bases)) {
    throw DataError("cannot read " + contig + ":" + std::to_string(begin + 1) + "-" +
                    std::to_string(end) + " of '" + path_ + "': the file is damaged or its index " +
                    "is of another file; delete the index and it is made anew");
  }
  return bases;
}

std::string Fasta::fetch(const std::string& contig, std::int64_t begin, std::int64_t end) const {
  core::require(begin <= end, "Fasta::fetch: begin lies behind end");
  const std::int64_t n_contig = length(contig);
  const std::int64_t first = std::clamp<std::int64_t>(begin, 0, n_contig);
  const std::int64_t last = std::clamp<std::int64_t>(end, 0, n_contig);
  std::string bases = fetch_raw(contig, first, last);
  normalize_bases(bases);
  std::string result(static_cast<std::size_t>(end - begin), 'N');
  if (!bases.empty()) result.replace(static_cast<std::size_t>(first - begin), bases.size(), bases);
  return result;
}

}  // namespace dnabird::io
