#include <htslib/bgzf.h>
#include <htslib/hfile.h>

#include <algorithm>
#include <cerrno>

#include "core/errors.h"
#include "io/contig_names.h"
#include "io/file_error.h"
#include "io/output_file.h"
#include "io/vcf_line.h"
#include "io/vcf_state.h"

namespace dnabird::io {
namespace {

using core::DataError;

char pick_format(const VariantWriterOptions& options) {
  if (options.path.ends_with(".vcf")) return 'v';
  if (options.path.ends_with(".vcf.gz") || options.path.ends_with(".vcf.bgz")) return 'z';
  if (options.path.ends_with(".bcf")) return 'b';
  const char format = options.format == 0 ? 'v' : options.format;
  if (std::string("vzub").find(format) == std::string::npos) {
    throw core::UsageError(std::string("output type '") + format +
                           "' is not known; choose v (VCF), z (bgzipped VCF), u (BCF, not " +
                           "compressed) or b (BCF)");
  }
  return format;
}

const char* open_mode(char format) {
  switch (format) {
    case 'z':
      return "wz";
    case 'u':
      return "wbu";
    case 'b':
      return "wb";
    default:
      return "w";
  }
}

/// In one line: a line end inside would begin a header line of its own.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return text;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : one_line(text)) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

void append_line(bcf_hdr_t* header, const std::string& line) {
  core::require(bcf_hdr_append(header, line.c_str()) == 0,
                "'" + line + "' is not a line of a VCF header");
}

/// Enters the length into a contig line that lacks it (htslib makes such lines from an index).
void add_length(bcf_hrec_t* line, std::int64_t length) {
  if (bcf_hrec_find_key(line, "length") >= 0) return;
  const std::string text = std::to_string(length);
  core::require(bcf_hrec_add_key(line, "length", 6) == 0, "a contig line cannot grow");
  const int last = line->nkeys - 1;
  core::require(bcf_hrec_set_val(line, last, text.c_str(), text.size(), 0) == 0,
                "a contig line cannot grow");
  // htslib's own number stays last, as in a line that came whole.
  if (last > 0 && std::string(line->keys[last - 1]) == "IDX") {
    std::swap(line->keys[last], line->keys[last - 1]);
    std::swap(line->vals[last], line->vals[last - 1]);
  }
}

void add_contig(bcf_hdr_t* header, const ContigLine& contig) {
  bcf_hrec_t* line = bcf_hdr_get_hrec(header, BCF_HL_CTG, "ID", contig.name.c_str(), nullptr);
  if (line) {
    add_length(line, contig.length);
    return;
  }
  // The same contig under another name: the records use that one.
  for (const std::string& alias : contig_aliases(contig.name)) {
    if (bcf_hdr_name2id(header, alias.c_str()) >= 0) return;
  }
  append_line(header,
              "##contig=<ID=" + contig.name + ",length=" + std::to_string(contig.length) + ">");
}

/// A line of that id that says the same stays where it is, so that a second run changes nothing.
void add_info(bcf_hdr_t* header, const InfoField& field) {
  const std::string line = "##INFO=<ID=" + field.id + ",Number=" + field.number +
                           ",Type=" + field.type + ",Description=" + quoted(field.description) +
                           ">";
  const bcf_hrec_t* former = bcf_hdr_get_hrec(header, BCF_HL_INFO, "ID", field.id.c_str(), nullptr);
  KString text;
  if (former && bcf_hrec_format(former, &text.text) == 0 && line + "\n" == text.text.s) return;
  bcf_hdr_remove(header, BCF_HL_INFO, field.id.c_str());
  append_line(header, line);
}

void add_lines(bcf_hdr_t* header, const VariantWriterOptions& options) {
  for (const ContigLine& contig : options.contigs) add_contig(header, contig);
  for (const InfoField& field : options.info) add_info(header, field);
  for (const std::string& line : options.lines) append_line(header, one_line(line));
  core::require(bcf_hdr_sync(header) == 0, "the header cannot be put in order");
}

}  // namespace

struct VariantWriter::State {
  State(const SharedHeader& shared, const VariantWriterOptions& options)
      : output(options.path), header(shared), format(pick_format(options)) {}

  PartialOutput output;
  SharedHeader header;
  char format;
  HtsPointer<htsFile> file;
  int n_contigs = 0, n_ids = 0;  // in the header as written

  bool is_bcf() const { return format == 'b' || format == 'u'; }

  [[noreturn]] void fail(int error_number) const {
    const hFILE* raw = nullptr;
    if (file) raw = file->is_bgzf ? hts_get_bgzfp(file.get())->fp : file->fp.hfile;
    // A compressing thread has an errno of its own; the file keeps what happened to it.
    if (raw && raw->has_errno != 0) error_number = raw->has_errno;
    if (error_number == EPIPE) throw ClosedPipe();
    throw_file_error("write", output.is_stdout() ? "standard output" : output.path(), error_number);
  }

  std::string place(const bcf1_t* record) const {
    return std::string(bcf_seqname_safe(header->get(), record)) + ":" +
           std::to_string(record->pos + 1);
  }

  /// A BCF can only name what its header had when it was written.
  void check_declared(bcf1_t* record) const;
  void find_ids(std::span<const Annotation> annotations);
  void write(VariantRecord::State& record);
  void write_line(const VariantRecord::State& record);
  void replace_values(bcf1_t* record, std::span<const Annotation> annotations) const;

  std::vector<std::pair<std::string, int>> tags;  // of VariantWriterOptions.info
  std::vector<int> ids;                           // of the tags of the record at hand
  KString text;                                   // of write_line
};

void VariantWriter::State::check_declared(bcf1_t* record) const {
  const auto fail_on = [&](const std::string& what, const char* name, const char* line) {
    throw DataError(place(record) + ": " + what + " '" + name +
                    "' is not in the header, as BCF needs; write VCF (-O z) or add a " + line +
                    " line to the header of the input");
  };
  if (record->rid >= n_contigs) {
    fail_on("contig", bcf_seqname_safe(header->get(), record), "##contig");
  }
  // Only a VCF whose header grew while it was read can have any of these.
  if (header->get()->n[BCF_DT_ID] == n_ids) return;
  bcf_unpack(record, BCF_UN_ALL);
  const auto name = [&](int id) { return bcf_hdr_int2id(header->get(), BCF_DT_ID, id); };
  for (int i = 0; i < record->d.n_flt; ++i) {
    const int id = record->d.flt[i];
    if (id >= n_ids) fail_on("filter", name(id), "##FILTER");
  }
  for (int i = 0; i < static_cast<int>(record->n_info); ++i) {
    const int id = record->d.info[i].key;
    if (id >= n_ids) fail_on("INFO", name(id), "##INFO");
  }
  for (int i = 0; i < static_cast<int>(record->n_fmt); ++i) {
    const int id = record->d.fmt[i].id;
    if (id >= n_ids) fail_on("FORMAT", name(id), "##FORMAT");
  }
}

namespace {

/// Whether one of the record's INFO entries has one of these numbers.
bool has_any(bcf1_t* record, const std::vector<int>& ids) {
  bcf_unpack(record, BCF_UN_INFO);
  for (int i = 0; i < static_cast<int>(record->n_info); ++i) {
    if (std::find(ids.begin(), ids.end(), record->d.info[i].key) != ids.end()) return true;
  }
  return false;
}

/// Appends an entry that the record does not have. INFO ends what is encoded in `shared`;
/// bcf_update_info would take all of that apart and encode it anew.
void append(bcf1_t* record, int id, const Annotation& annotation) {
  kstring_t* encoded = &record->shared;
  bcf_enc_int1(encoded, id);
  const std::vector<float>& floats = annotation.floats;
  if (!floats.empty()) {
    bcf_enc_vfloat(encoded, static_cast<int>(floats.size()), const_cast<float*>(floats.data()));
  } else {
    bcf_enc_vchar(encoded, static_cast<int>(annotation.text.size()), annotation.text.c_str());
  }
  ++record->n_info;
}

int replace(bcf_hdr_t* header, bcf1_t* record, const Annotation& annotation) {
  const char* tag = annotation.tag.c_str();
  const std::vector<float>& floats = annotation.floats;
  if (floats.empty()) return bcf_update_info_string(header, record, tag, annotation.text.c_str());
  return bcf_update_info_float(header, record, tag, floats.data(), static_cast<int>(floats.size()));
}

}  // namespace

void VariantWriter::State::find_ids(std::span<const Annotation> annotations) {
  ids.clear();
  for (const Annotation& annotation : annotations) {
    const auto found = std::find_if(tags.begin(), tags.end(),
                                    [&](const auto& tag) { return tag.first == annotation.tag; });
    if (found == tags.end()) {
      core::require(false, "INFO '" + annotation.tag + "' is not in VariantWriterOptions.info");
    }
    ids.push_back(found->second);
  }
}

void VariantWriter::State::write_line(const VariantRecord::State& record) {
  kstring_t& line = text.text;
  line.l = 0;
  append_annotated(record.line, record.annotations(), line);
  const auto n = static_cast<ssize_t>(line.l);
  ssize_t written = -1;
  if (format == 'z') {
    BGZF* blocks = hts_get_bgzfp(file.get());
    // A block of its own rather than a record in two, as htslib's own writer has it.
    if (bgzf_flush_try(blocks, n) == 0) written = bgzf_write(blocks, line.s, line.l);
  } else {
    written = hwrite(file->fp.hfile, line.s, line.l);
  }
  if (written != n) fail(errno);
}

void VariantWriter::State::replace_values(bcf1_t* record,
                                          std::span<const Annotation> annotations) const {
  for (const Annotation& annotation : annotations) {
    if (replace(header->get(), record, annotation) != 0) {
      core::require(false, "INFO '" + annotation.tag + "' cannot be entered at " + place(record));
    }
  }
}

void VariantWriter::State::write(VariantRecord::State& record) {
  bcf1_t* raw = record.record.get();
  const std::span<const Annotation> annotations = record.annotations();
  find_ids(annotations);
  const bool has_values = has_any(raw, ids);
  errno = 0;
  if (!has_values && !is_bcf() && !record.line.empty() && is_as_htslib_writes(record.line, raw)) {
    write_line(record);
    return;
  }
  const std::lock_guard lock(header->mutex);
  if (is_bcf()) check_declared(raw);
  if (has_values || raw->d.shared_dirty != 0) {
    replace_values(raw, annotations);
  } else {
    for (std::size_t i = 0; i < ids.size(); ++i) append(raw, ids[i], annotations[i]);
    raw->unpacked &= ~BCF_UN_INFO;  // what was unpacked lacks the new ones
  }
  errno = 0;
  if (bcf_write(file.get(), header->get(), raw) != 0) fail(errno);
}

VariantWriter::VariantWriter(const VariantReader& reader, const VariantWriterOptions& options)
    : state_(std::make_unique<State>(reader.state_->header(), options)) {
  silence_htslib();
  State& state = *state_;
  const std::lock_guard lock(state.header->mutex);
  add_lines(state.header->get(), options);
  errno = 0;
  state.file.reset(hts_open(state.output.temporary().c_str(), open_mode(state.format)));
  if (!state.file) state.fail(errno);
  if (options.threads > 1 && (state.format == 'z' || state.format == 'b')) {
    hts_set_threads(state.file.get(), options.threads);
  }
  if (bcf_hdr_write(state.file.get(), state.header->get()) != 0) state.fail(errno);
  state.n_contigs = state.header->get()->n[BCF_DT_CTG];
  state.n_ids = state.header->get()->n[BCF_DT_ID];
  for (const InfoField& field : options.info) {
    state.tags.emplace_back(field.id,
                            bcf_hdr_id2int(state.header->get(), BCF_DT_ID, field.id.c_str()));
  }
}

VariantWriter::~VariantWriter() = default;

void VariantWriter::write(VariantRecord& record) {
  State& state = *state_;
  core::require(record.state_ && record.state_->header == state.header,
                "VariantWriter::write: the record is of another reader");
  state.write(*record.state_);
  record.state_->n_annotations = 0;
}

void VariantWriter::commit() {
  State& state = *state_;
  if (!state.file) return;
  errno = 0;
  // hts_flush of htslib 1.16 crashes on a BCF that is not compressed.
  htsFile* file = state.file.get();
  const bool is_raw_bcf = state.format == 'u';
  if ((is_raw_bcf ? hflush(hts_get_bgzfp(file)->fp) : hts_flush(file)) != 0) state.fail(errno);
  errno = 0;
  const int failed = hts_close(state.file.release());
  if (failed != 0) state.fail(errno);
  state.output.commit();
}

}  // namespace dnabird::io
