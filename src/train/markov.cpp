#include "train/markov.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::train {

MarkovModel::MarkovModel(int order, Strands strands, double pseudocount)
    : order_(order), strands_(strands), pseudocount_(pseudocount) {
  if (order < 0 || order > 10) {
    throw core::UsageError("Markov model of order " + std::to_string(order) + ": expected 0 to 10");
  }
  if (!(pseudocount > 0)) {
    throw core::UsageError("Markov model with pseudocount " + std::to_string(pseudocount) +
                           ": expected more than 0");
  }
  for (int j = 0; j <= order; ++j) counts_.emplace_back(std::size_t{4} << (2 * j), 0);
}

template <class Counts, class Visit>
void MarkovModel::walk(std::string_view bases, int order, Counts& counts, Visit visit) {
  const std::size_t mask = (std::size_t{1} << (2 * order)) - 1;
  std::size_t context = 0;  // the last `order` bases of this run, two bits each
  int known = 0;            // how many of them there are
  for (const char letter : bases) {
    const int code = seq::base_code(letter);
    if (code < 0) {
      context = 0;
      known = 0;
      continue;
    }
    visit(&counts[static_cast<std::size_t>(known)][context * 4], code, known);
    context = ((context << 2) | static_cast<std::size_t>(code)) & mask;
    known = std::min(known + 1, order);
  }
}

void MarkovModel::add(std::string_view bases) {
  add_strand(bases);
  if (strands_ == Strands::both) add_strand(seq::reverse_complement(bases));
}

void MarkovModel::add_strand(std::string_view bases) {
  // Every order counts every base that has that much context, so that the shorter contexts at the
  // starts of runs are as well known as the long ones.
  for (int j = 0; j <= order_; ++j) {
    walk(bases, j, counts_, [&](std::int64_t* four, int code, int known) {
      if (known == j) ++four[code];
      if (j == 0) ++bases_;
    });
  }
}

MarkovModel::Score MarkovModel::score(std::string_view bases) const {
  Score score;
  walk(bases, order_, counts_, [&](const std::int64_t* four, int code, int) {
    const double total = static_cast<double>(four[0] + four[1] + four[2] + four[3]);
    const double p = (static_cast<double>(four[code]) + pseudocount_) / (total + 4 * pseudocount_);
    score.bits -= std::log2(p);
    ++score.bases;
  });
  return score;
}

}  // namespace dnabird::train
