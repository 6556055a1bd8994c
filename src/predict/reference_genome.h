// The reference sequences as predictors see them: predict opens no file, the caller does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dnabird::predict {

class ReferenceGenome {
 public:
  virtual ~ReferenceGenome() = default;
  /// The genome's own name of a contig that may be named otherwise (chr1 / 1); none if absent.
  virtual std::optional<std::string> resolve(const std::string& contig) const = 0;
  virtual std::int64_t length(const std::string& contig) const = 0;
  /// Bases [begin, end) as they stand in the genome (IUPAC codes, upper-case), clipped to the
  /// contig.
  virtual std::string fetch_raw(const std::string& contig, std::int64_t begin,
                                std::int64_t end) const = 0;
};

/// One contig of a genome, of which a stretch around the last place is kept, so that neighbouring
/// windows do not each cost a look-up. The genome must outlive it.
class ReferenceCursor {
 public:
  explicit ReferenceCursor(const ReferenceGenome& genome) : genome_(genome) {}

  /// Turns to a contig by any of its names; false if the genome has none such.
  bool select(const std::string& contig);
  std::int64_t length() const { return length_; }
  /// As they stand in the genome, clipped to the contig.
  std::string raw(std::int64_t begin, std::int64_t end);
  /// Normalised to A C G T N; what lies outside the contig is N.
  std::string bases(std::int64_t begin, std::int64_t end);

 private:
  void keep(std::int64_t begin, std::int64_t end);

  const ReferenceGenome& genome_;
  std::string asked_;   // name that was asked for last
  std::string contig_;  // and the genome's own; empty: none
  std::int64_t length_ = 0;
  std::int64_t begin_ = 0;        // of what is kept
  std::string raw_, normalized_;  // of equal length
};

}  // namespace dnabird::predict
