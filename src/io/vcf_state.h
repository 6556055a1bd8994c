// What vcf.h hides: the only place where its parts share htslib's types.
#pragma once

#include <htslib/hts.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/region_set.h"
#include "io/vcf.h"

namespace dnabird::io {

struct HtsDeleter {
  void operator()(htsFile* file) const { hts_close(file); }
  void operator()(bcf_hdr_t* header) const { bcf_hdr_destroy(header); }
  void operator()(bcf1_t* record) const { bcf_destroy(record); }
  void operator()(tbx_t* index) const { tbx_destroy(index); }
  void operator()(hts_idx_t* index) const { hts_idx_destroy(index); }
  void operator()(hts_itr_t* iterator) const { hts_itr_destroy(iterator); }
};
template <class T>
using HtsPointer = std::unique_ptr<T, HtsDeleter>;

/// A reader, its records and its writer share one header object: htslib adds to it what a VCF uses
/// without declaring it, and the numbers in a record are those of this header. Who lets htslib look
/// into it, or add to it, holds the mutex once there is a writer.
struct Header {
  explicit Header(HtsPointer<bcf_hdr_t> read) : entries(std::move(read)) {}
  bcf_hdr_t* get() const { return entries.get(); }

  HtsPointer<bcf_hdr_t> entries;
  std::mutex mutex;
};
using SharedHeader = std::shared_ptr<Header>;

struct KString {
  kstring_t text = KS_INITIALIZE;
  KString() = default;
  KString(const KString&) = delete;
  KString& operator=(const KString&) = delete;
  ~KString() { std::free(text.s); }
};

/// A VCF or BCF that is being read: all of VariantReader but the conversion to VariantRecord.
class VcfInput {
 public:
  VcfInput(const std::string& path, const VariantFilter& filter, int threads);

  const SharedHeader& header() const { return header_; }
  /// Next record that passes the filter, its numbers those of header(); false at the end.
  bool next(bcf1_t* record);
  /// The last record's line, without its end, if it is one of a VCF and has eight columns; else
  /// empty.
  std::string& line() { return text_; }
  const std::string& contig() const { return contig_; }  // of the last record

 private:
  struct Query {
    int index_id;  // of the contig in the index
    std::int64_t begin, end;
  };

  void open(int threads);
  void read_header();
  void open_index(const RegionSet& regions, const std::string& asked);
  int index_id(const std::string& contig) const;
  bool read(bcf1_t* record);
  bool read_from_queries(bcf1_t* record);
  int read_line_or_record(bcf1_t* record);
  void parse_line(bcf1_t* record);
  void check_end() const;
  bool is_bcf() const { return bcf_header_ != nullptr; }
  std::string where() const;

  std::string path_;
  HtsPointer<htsFile> file_;
  SharedHeader header_;
  HtsPointer<bcf_hdr_t> bcf_header_;  // of a BCF: the numbers that its records use
  std::int64_t n_columns_ = 0;        // of a VCF's lines
  RegionSet targets_;

  // Reading through an index: one query after the other.
  HtsPointer<tbx_t> text_index_;
  HtsPointer<hts_idx_t> bcf_index_;
  std::vector<Query> queries_;
  std::size_t n_queries_begun_ = 0;
  HtsPointer<hts_itr_t> iterator_;

  KString line_;  // vcf_parse writes into it
  std::string text_;
  // Of the last record.
  int contig_id_ = -1;
  std::string contig_;
  std::int64_t position_ = 0;
};

/// INFO values to be entered when the record is written: numbers, or else a text.
struct Annotation {
  std::string tag;
  std::vector<float> floats;
  std::string text;
};

struct VariantRecord::State {
  HtsPointer<bcf1_t> record{bcf_init()};
  std::string line;  // as VcfInput::line()
  SharedHeader header;
  std::string contig, ref;
  std::int64_t position = 0;
  std::vector<std::string> alts;
  std::shared_ptr<Store> store;  // where it goes when its record does; null = nowhere

  std::span<const Annotation> annotations() const { return {slots.data(), n_annotations}; }
  /// The one of this tag, without values.
  Annotation& annotate(const std::string& tag);

  // Those behind n_annotations are of former records, for their memory.
  std::vector<Annotation> slots;
  std::size_t n_annotations = 0;
};

/// The states of a reader's records that are gone, for those to come: one made anew takes a dozen
/// allocations. Records may go on any thread.
class VariantRecord::Store {
 public:
  /// One that comes back to `store` in the end.
  static StatePointer take(const std::shared_ptr<Store>& store);

 private:
  friend struct Release;
  std::mutex mutex_;
  std::vector<std::unique_ptr<State>> free_;
};

struct VariantReader::State : VcfInput {
  using VcfInput::VcfInput;
  std::shared_ptr<VariantRecord::Store> store = std::make_shared<VariantRecord::Store>();
};

}  // namespace dnabird::io
