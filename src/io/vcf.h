// Variants in, annotated variants out. htslib's types stay inside.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dnabird::io {

/// One record. Everything that is not read or set through here passes through untouched.
class VariantRecord {
 public:
  VariantRecord();  // none yet: VariantReader::next makes one of it
  VariantRecord(VariantRecord&&) noexcept;
  VariantRecord& operator=(VariantRecord&&) noexcept;
  ~VariantRecord();

  const std::string& contig() const;
  std::int64_t position() const;  // 0-based
  const std::string& ref() const;
  /// As they stand in the file; a record without an alternate has the one ".".
  const std::vector<std::string>& alts() const;
  /// A numeric INFO value (its first element), none if absent or missing.
  std::optional<double> info_number(const std::string& tag) const;

  /// One value per element of alts(); a missing one, and what is not finite, is written as ".".
  /// Replaces a former value of the tag.
  void set_info_floats(const std::string& tag, const std::vector<std::optional<float>>& values);
  void set_info_strings(const std::string& tag, const std::vector<std::string>& values);

 private:
  friend class VariantReader;
  friend class VariantWriter;
  struct State;
  class Store;
  struct Release {
    void operator()(State* state) const;
  };
  using StatePointer = std::unique_ptr<State, Release>;
  /// Throws std::logic_error if no record was read.
  State& state() const;

  StatePointer state_;
};

struct VariantFilter {
  std::string regions = {};       // -r: through the index, "chr1:100-200,chr2"
  std::string regions_file = {};  // -R: BED or tab file
  std::string targets = {};       // -t, -T: the same by streaming
  std::string targets_file = {};
};

/// Reads VCF, bgzipped VCF or BCF; "-" is stdin. A reader may be at work on one thread while its
/// writer is on another; each of them, and each record, belongs to one thread at a time. Throws
/// DataError with path, line or contig:position: missing, no header, truncated, malformed record,
/// no index for regions.
class VariantReader {
 public:
  VariantReader(const std::string& path, const VariantFilter& filter, int threads);
  ~VariantReader();
  VariantReader(const VariantReader&) = delete;
  VariantReader& operator=(const VariantReader&) = delete;

  bool next(VariantRecord& record);
  std::vector<std::string> contigs() const;  // named in the header

 private:
  friend class VariantWriter;
  struct State;
  std::shared_ptr<State> state_;
};

struct InfoField {
  std::string id;
  std::string number;  // "A", "1"
  std::string type;    // "Float", "String"
  std::string description;
};

struct ContigLine {
  std::string name;
  std::int64_t length;
};

struct VariantWriterOptions {
  std::string path;  // "-" = stdout; the suffix .vcf .vcf.gz .bcf picks the format
  char format = 0;   // v z u b, used where the suffix says nothing; 0 = v
  int threads = 1;
  std::vector<InfoField> info;      // header lines to add; former lines of these ids are replaced
  std::vector<std::string> lines;   // further "##key=value" lines
  std::vector<ContigLine> contigs;  // added where the input's header has none of that name
};

/// Writes the records of one reader under its header plus ours, whole or not at all.
class VariantWriter {
 public:
  VariantWriter(const VariantReader& reader, const VariantWriterOptions& options);
  ~VariantWriter();
  VariantWriter(const VariantWriter&) = delete;
  VariantWriter& operator=(const VariantWriter&) = delete;

  /// With the values that were set, which are gone then.
  void write(VariantRecord& record);
  void commit();  // flush, close, rename; throws DataError (disk full)

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dnabird::io
