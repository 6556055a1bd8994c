// Order-k Markov model of bases: the bar that a masked-token model has to pass.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace dnabird::train {

enum class Strands { forward, both };

class MarkovModel {
 public:
  /// order 0..10; each count starts at `pseudocount` > 0. Throws UsageError otherwise.
  explicit MarkovModel(int order, Strands strands = Strands::forward, double pseudocount = 1.0);

  /// Counts the bases of a sequence; runs of A C G T are cut at every other letter.
  void add(std::string_view bases);

  struct Score {
    double bits = 0;         // sum of -log2 p(base | the bases before it)
    std::int64_t bases = 0;  // A C G T
    double bits_per_base() const { return bits / static_cast<double>(bases); }
  };
  /// A base whose run holds fewer than `order` bases before it is predicted from those it has.
  Score score(std::string_view bases) const;

  int order() const { return order_; }
  std::int64_t bases() const { return bases_; }  // that were counted, both strands

 private:
  void add_strand(std::string_view bases);
  /// Calls visit(counts of the four bases in this context, code of the base) for each base.
  template <class Counts, class Visit>
  static void walk(std::string_view bases, int order, Counts& counts, Visit visit);

  int order_;
  Strands strands_;
  double pseudocount_;
  std::int64_t bases_ = 0;
  std::vector<std::vector<std::int64_t>> counts_;  // by order j: (4^j contexts, 4 bases)
};

}  // namespace dnabird::train
