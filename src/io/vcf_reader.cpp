#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "core/errors.h"
#include "core/text.h"
#include "io/contig_names.h"
#include "io/file_error.h"
#include "io/vcf_state.h"

namespace dnabird::io {
namespace {

using core::DataError;

// What a VCF uses without declaring it is read all the same.
constexpr int kHarmless = BCF_ERR_CTG_UNDEF | BCF_ERR_TAG_UNDEF;

std::string describe(int errcode) {
  if (errcode & BCF_ERR_NCOLS) return "its columns do not match the samples of the header";
  if (errcode & BCF_ERR_CTG_INVALID) return "the contig's name is not valid";
  if (errcode & BCF_ERR_TAG_INVALID) return "the name of an INFO or FORMAT tag is not valid";
  if (errcode & BCF_ERR_CHAR) return "a character is not valid there";
  if (errcode & BCF_ERR_LIMITS) return "a value is too large";
  return "it cannot be parsed";
}

/// The same header with its entries numbered in the order of its lines, as if read from a VCF.
bcf_hdr_t* renumber(const bcf_hdr_t* header) {
  KString text;
  HtsPointer<bcf_hdr_t> result(bcf_hdr_init("r"));
  if (!result || bcf_hdr_format(header, 0, &text.text) != 0 ||
      bcf_hdr_parse(result.get(), text.text.s) != 0) {
    return nullptr;
  }
  return result.release();
}

[[noreturn]] void throw_not_variants(const std::string& path) {
  throw DataError("'" + path + "' is not a VCF or BCF, or has no header; the first line of a VCF " +
                  "is ##fileformat=VCFv4.x");
}

bool is_text_line_ok(std::string_view text, std::int64_t n_found, std::int64_t n_columns,
                     std::string& problem) {
  // Without samples the FORMAT column may be there or not.
  if (n_found != n_columns && !(n_columns == 8 && n_found == 9)) {
    problem = "it has " + std::to_string(n_found) + " columns, the header names " +
              std::to_string(n_columns);
    return false;
  }
  const std::size_t position = text.find('\t') + 1;
  const std::size_t id = text.find('\t', position) + 1;
  const std::size_t ref = text.find('\t', id) + 1;
  const std::string_view digits = text.substr(position, id - 1 - position);
  const auto value = core::parse_int(digits);
  if (!value || *value < 0) {
    problem = "POS is '" + std::string(digits) + "', not a number";
    return false;
  }
  if (text[ref] == '\t' || text[ref] == '.') {
    problem = "REF is missing";
    return false;
  }
  return true;
}

}  // namespace

VcfInput::VcfInput(const std::string& path, const VariantFilter& filter, int threads)
    : path_(path), targets_(filter.targets, filter.targets_file) {
  silence_htslib();
  const RegionSet regions(filter.regions, filter.regions_file);
  const bool by_index = !filter.regions.empty() || !filter.regions_file.empty();
  if (by_index && path == "-") {
    throw core::UsageError(
        "regions need an index, which standard input does not have; use -t or -T instead");
  }
  open(threads);
  read_header();
  if (by_index) open_index(regions, filter.regions);
}

void VcfInput::open(int threads) {
  require_readable(path_);
  struct stat status;
  if (path_ != "-" && stat(path_.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_size == 0) {
    throw DataError("'" + path_ + "' is empty");
  }
  errno = 0;
  file_.reset(hts_open(path_.c_str(), "r"));
  // ENOEXEC: htslib knows no format that begins like this.
  if (!file_ && errno != ENOEXEC) throw_file_error("read", path_, errno);
  if (!file_) throw_not_variants(path_);
  const htsFormat& format = *hts_get_format(file_.get());
  if (format.format != vcf && format.format != bcf) throw_not_variants(path_);
  // The end mark is looked for before any work is done; of a pipe it is seen at the end only.
  if (format.compression == bgzf && hts_check_EOF(file_.get()) == 0) {
    throw DataError("'" + path_ + "' is truncated: the end mark of bgzip is missing");
  }
  if (threads > 1 && format.compression == bgzf) hts_set_threads(file_.get(), threads);
}

void VcfInput::read_header() {
  HtsPointer<bcf_hdr_t> header(bcf_hdr_read(file_.get()));
  if (!header) {
    throw DataError("cannot read the header of '" + path_ +
                    "': it is truncated or not valid, or the line that begins with #CHROM is "
                    "missing");
  }
  if (hts_get_format(file_.get())->format == bcf) {
    bcf_header_ = std::move(header);
    header.reset(renumber(bcf_header_.get()));
    if (!header) throw DataError("the header of '" + path_ + "' is not valid");
  }
  const int n_samples = bcf_hdr_nsamples(header.get());
  n_columns_ = n_samples > 0 ? 9 + n_samples : 8;
  header_ = std::make_shared<Header>(std::move(header));
}

int VcfInput::index_id(const std::string& contig) const {
  return is_bcf() ? bcf_hdr_name2id(bcf_header_.get(), contig.c_str())
                  : tbx_name2id(text_index_.get(), contig.c_str());
}

void VcfInput::open_index(const RegionSet& regions, const std::string& asked) {
  if (is_bcf()) {
    bcf_index_.reset(bcf_index_load3(path_.c_str(), nullptr, HTS_IDX_SILENT_FAIL));
  } else if (hts_get_format(file_.get())->compression == bgzf) {
    text_index_.reset(tbx_index_load3(path_.c_str(), nullptr, HTS_IDX_SILENT_FAIL));
  } else {
    throw DataError("regions need an index, and '" + path_ + "' is not compressed with bgzip; " +
                    "compress and index it (bgzip, tabix -p vcf), or use -t or -T instead");
  }
  if (!text_index_ && !bcf_index_) {
    throw DataError("'" + path_ + "' has no readable index (" +
                    (is_bcf() ? ".csi" : ".tbi or .csi") + "); make one with " +
                    (is_bcf() ? "bcftools index" : "tabix -p vcf") + ", or use -t or -T instead");
  }
  for (const auto& [contig, intervals] : regions.by_contig()) {
    std::vector<std::string> names = contig_aliases(contig);
    names.insert(names.begin(), contig);
    const auto known = std::find_if(names.begin(), names.end(), [this](const std::string& name) {
      return index_id(name) >= 0;
    });
    if (known == names.end()) {
      // A file of regions may name contigs that this VCF does not have; a typed one is an error.
      if (asked.empty() || bcf_hdr_name2id(header_->get(), contig.c_str()) >= 0) continue;
      throw DataError("'" + path_ + "' has no contig '" + contig + "' (asked for by -r)");
    }
    for (const Interval& interval : intervals) {
      queries_.push_back({index_id(*known), interval.begin, interval.end});
    }
  }
  // In the order of the file, whatever the order of the options.
  std::sort(queries_.begin(), queries_.end(), [](const Query& a, const Query& b) {
    return a.index_id != b.index_id ? a.index_id < b.index_id : a.begin < b.begin;
  });
}

std::string VcfInput::where() const {
  if (!is_bcf() && !text_index_) {
    return "'" + path_ + "' line " + std::to_string(file_->lineno);
  }
  const std::string place =
      contig_id_ < 0 ? "its header" : contig_ + ":" + std::to_string(position_ + 1);
  return "'" + path_ + "' behind " + place;
}

void VcfInput::check_end() const {
  if (hts_get_format(file_.get())->compression == bgzf &&
      hts_get_bgzfp(file_.get())->no_eof_block) {
    throw DataError("'" + path_ + "' is truncated: the end mark of bgzip is missing");
  }
}

void VcfInput::parse_line(bcf1_t* record) {
  kstring_t& line = line_.text;
  if (line.l > 0 && line.s[line.l - 1] == '\r') line.s[--line.l] = '\0';
  const std::string_view text(line.s, line.l);
  const std::int64_t n_found = std::count(text.begin(), text.end(), '\t') + 1;
  std::string problem;
  if (!is_text_line_ok(text, n_found, n_columns_, problem)) {
    throw DataError(where() + ": malformed record: " + problem);
  }
  if (n_found == 8) text_ = text;
  const std::lock_guard lock(header_->mutex);
  const int failed = vcf_parse(&line, header_->get(), record);
  if (failed != 0 || (record->errcode & ~kHarmless) != 0) {
    throw DataError(where() + ": malformed record: " + describe(record->errcode));
  }
}

/// As htslib's functions: >= 0 for a record, -1 at the end, less for an error.
int VcfInput::read_line_or_record(bcf1_t* record) {
  if (is_bcf()) {
    return iterator_ ? bcf_itr_next(file_.get(), iterator_.get(), record)
                     : bcf_read(file_.get(), bcf_header_.get(), record);
  }
  int result;
  do {
    result = iterator_ ? tbx_itr_next(file_.get(), text_index_.get(), iterator_.get(), &line_.text)
                       : hts_getline(file_.get(), '\n', &line_.text);
  } while (result >= 0 && line_.text.l == 0);
  return result;
}

bool VcfInput::read(bcf1_t* record) {
  text_.clear();
  const int result = read_line_or_record(record);
  if (result == -1) {
    if (!iterator_) check_end();
    return false;
  }
  if (result < -1) {
    throw DataError("cannot read " + where() + ": the file is truncated or damaged");
  }
  if (is_bcf()) {
    if ((record->errcode & ~kHarmless) != 0) {
      throw DataError(where() + ": malformed record: " + describe(record->errcode));
    }
    record->errcode = 0;
    // Nothing happens here unless the file numbers its header in an unusual order.
    const std::lock_guard lock(header_->mutex);
    bcf_translate(header_->get(), bcf_header_.get(), record);
  } else {
    parse_line(record);
  }
  record->errcode = 0;
  position_ = record->pos;
  if (record->rid != contig_id_) {
    const std::lock_guard lock(header_->mutex);
    contig_ = bcf_seqname_safe(header_->get(), record);
    contig_id_ = record->rid;
  }
  return true;
}

bool VcfInput::read_from_queries(bcf1_t* record) {
  for (;;) {
    while (iterator_ && read(record)) {
      // A long record that reaches into this region from an earlier one came with that.
      const std::size_t i = n_queries_begun_ - 1;
      const bool came = i > 0 && queries_[i - 1].index_id == queries_[i].index_id &&
                        record->pos < queries_[i - 1].end;
      if (!came) return true;
    }
    if (n_queries_begun_ == queries_.size()) return false;
    const Query& query = queries_[n_queries_begun_++];
    const std::int64_t end = std::min<std::int64_t>(query.end, HTS_POS_MAX);
    iterator_.reset(is_bcf() ? bcf_itr_queryi(bcf_index_.get(), query.index_id, query.begin, end)
                             : tbx_itr_queryi(text_index_.get(), query.index_id, query.begin, end));
    if (!iterator_) throw DataError("cannot look up a region in the index of '" + path_ + "'");
  }
}

bool VcfInput::next(bcf1_t* record) {
  const bool by_index = text_index_ || bcf_index_;
  while (by_index ? read_from_queries(record) : read(record)) {
    if (targets_.is_empty()) return true;
    const std::int64_t end = record->pos + std::max<std::int64_t>(record->rlen, 1);
    if (targets_.overlaps(contig_, record->pos, end)) return true;
  }
  return false;
}

VariantReader::VariantReader(const std::string& path, const VariantFilter& filter, int threads)
    : state_(std::make_shared<State>(path, filter, threads)) {}

VariantReader::~VariantReader() = default;

bool VariantReader::next(VariantRecord& record) {
  if (!record.state_) record.state_ = VariantRecord::Store::take(state_->store);
  VariantRecord::State& state = *record.state_;
  bcf1_t* raw = state.record.get();
  state.n_annotations = 0;
  if (state.header != state_->header()) state.header = state_->header();
  if (!state_->next(raw)) return false;
  state.line.swap(state_->line());
  bcf_unpack(raw, BCF_UN_STR);
  state.contig = state_->contig();
  state.position = raw->pos;
  state.ref = raw->n_allele > 0 ? raw->d.allele[0] : "";
  state.alts.assign(raw->d.allele + std::min<int>(1, raw->n_allele), raw->d.allele + raw->n_allele);
  if (state.alts.empty()) state.alts = {"."};
  return true;
}

std::vector<std::string> VariantReader::contigs() const {
  int n = 0;
  const std::lock_guard lock(state_->header()->mutex);
  const char** names = bcf_hdr_seqnames(state_->header()->get(), &n);
  std::vector<std::string> contigs(names, names + n);
  std::free(names);
  return contigs;
}

}  // namespace dnabird::io
