// Reference sequences: random access through an index, or one sequence after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dnabird::io {

/// An indexed FASTA, plain or bgzip. A missing index is made beside it, or in a temporary folder
/// that is gone when it is open (a log line says so) if that cannot be written.
/// Throws DataError: missing, unreadable, gzip but not bgzip (says: recompress with bgzip), empty.
class Fasta {
 public:
  explicit Fasta(const std::string& path);
  ~Fasta();
  Fasta(const Fasta&) = delete;
  Fasta& operator=(const Fasta&) = delete;

  const std::string& path() const { return path_; }
  const std::vector<std::string>& contigs() const { return contigs_; }
  /// The contig's own name for a name that may be an alias (chr1 / 1, chrM / MT / M); none if
  /// absent.
  std::optional<std::string> resolve(const std::string& contig) const;
  std::int64_t length(const std::string& contig) const;
  /// Bases [begin, end), normalised to A C G T N; what lies outside the contig is N.
  std::string fetch(const std::string& contig, std::int64_t begin, std::int64_t end) const;
  /// The same as they stand in the file (IUPAC codes, upper-cased), clipped to the contig.
  std::string fetch_raw(const std::string& contig, std::int64_t begin, std::int64_t end) const;

 private:
  std::string path_;
  void* index_;               // faidx_t*
  mutable std::mutex mutex_;  // fetches from several threads take turns
  std::vector<std::string> contigs_;
};

struct NamedSequence {
  std::string name;
  std::string bases;  // normalised to A C G T N
};

/// FASTA (or FASTQ) one sequence at a time, plain, gzip or bgzip, "-" for stdin; needs no index.
/// Throws DataError: missing, truncated, not a FASTA, no sequence in it.
class SequenceReader {
 public:
  explicit SequenceReader(const std::string& path);
  ~SequenceReader();
  SequenceReader(const SequenceReader&) = delete;
  SequenceReader& operator=(const SequenceReader&) = delete;
  bool next(NamedSequence& sequence);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dnabird::io
