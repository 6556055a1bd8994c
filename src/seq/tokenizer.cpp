#include "seq/tokenizer.h"

#include <algorithm>

#include "core/errors.h"

namespace dnabird::seq {

std::pair<std::int64_t, std::int64_t> tokens_of_bases(const Encoding& encoding, std::int64_t begin,
                                                      std::int64_t end) {
  core::require(begin < end, "tokens_of_bases: no bases");
  const auto first =
      std::partition_point(encoding.bases.begin(), encoding.bases.end(),
                           [begin](const BaseSpan& span) { return span.end <= begin; });
  const auto last = std::partition_point(first, encoding.bases.end(),
                                         [end](const BaseSpan& span) { return span.begin < end; });
  return {first - encoding.bases.begin(), last - encoding.bases.begin()};
}

TokenRun Tokenizer::tokens_at(std::string_view bases, std::int64_t begin, std::int64_t end) const {
  const Encoding encoding = encode_with_bases(bases);
  const auto [first, last] = tokens_of_bases(encoding, begin, end);
  return {first, std::vector(encoding.ids.begin() + first, encoding.ids.begin() + last)};
}

}  // namespace dnabird::seq
