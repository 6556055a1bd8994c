#include "predict/reference_genome.h"

#include <algorithm>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::predict {

namespace {

// A sorted file walks forwards: most of what is kept lies ahead.
constexpr std::int64_t kBehind = 1 << 12;
constexpr std::int64_t kAhead = 1 << 16;

}  // namespace

bool ReferenceCursor::select(const std::string& contig) {
  if (contig != asked_) {
    asked_ = contig;
    contig_ = genome_.resolve(contig).value_or("");
    length_ = contig_.empty() ? 0 : genome_.length(contig_);
    begin_ = 0;
    raw_.clear();
    normalized_.clear();
  }
  return !contig_.empty();
}

void ReferenceCursor::keep(std::int64_t begin, std::int64_t end) {
  core::require(!contig_.empty(), "ReferenceCursor: no contig is selected");
  const auto kept_end = begin_ + static_cast<std::int64_t>(raw_.size());
  if (begin >= begin_ && end <= kept_end) return;
  begin_ = std::max<std::int64_t>(0, begin - kBehind);
  raw_ = genome_.fetch_raw(contig_, begin_, std::min(length_, std::max(end, begin + kAhead)));
  normalized_ = seq::normalize(raw_);
}

std::string ReferenceCursor::raw(std::int64_t begin, std::int64_t end) {
  begin = std::clamp<std::int64_t>(begin, 0, length_);
  end = std::clamp<std::int64_t>(end, begin, length_);
  if (begin == end) return {};
  keep(begin, end);
  return raw_.substr(static_cast<std::size_t>(begin - begin_),
                     static_cast<std::size_t>(end - begin));
}

std::string ReferenceCursor::bases(std::int64_t begin, std::int64_t end) {
  core::require(begin <= end, "ReferenceCursor: begin lies behind end");
  const std::int64_t first = std::clamp<std::int64_t>(begin, 0, length_);
  const std::int64_t last = std::clamp<std::int64_t>(end, 0, length_);
  std::string result(static_cast<std::size_t>(end - begin), 'N');
  if (first == last) return result;
  keep(first, last);
  result.replace(static_cast<std::size_t>(first - begin), static_cast<std::size_t>(last - first),
                 normalized_, static_cast<std::size_t>(first - begin_),
                 static_cast<std::size_t>(last - first));
  return result;
}

}  // namespace dnabird::predict
