// Masked-token inputs. Overlapping k-mers: whole spans of at least k tokens, so that no base of a
// hidden stretch can be read off a neighbour, 80/10/10 decided once per span.
#pragma once

#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::seq {

struct MaskingOptions {
  double fraction = 0.15;    // of the k-mer tokens that end up in a span
  int min_hidden_bases = 1;  // a span hides between these many bases, drawn uniformly
  int max_hidden_bases = 6;
  double replace_mask = 0.8;  // of the spans; the rest: half random, half left as they are
};

struct MaskedTokens {
  std::vector<std::int32_t> input;   // what the model reads
  std::vector<std::int32_t> labels;  // true id in a span, -100 elsewhere
  std::vector<std::int32_t>
      hidden_bases;  // per token: how many of its bases no visible token shows
};

/// Masks a copy of `ids` ([CLS] k-mers [SEP]). Spans never touch each other, hold no special token
/// and no [UNK]; tokens that do get no label. Stride 1: a span of m tokens hides m-k+1 bases, more
/// where it has no k-mer beside it. A random span shows the k-mers of random hidden bases.
/// What is measured rather than trained wants replace_mask 1: a span left as it is shows its bases.
MaskedTokens mask_spans(const std::vector<std::int32_t>& ids, const KmerTokenizer& tokenizer,
                        const MaskingOptions& options, core::Rng& rng);

/// Hides tokens that do not overlap, each by itself with the given probability, behind [MASK];
/// special tokens and [UNK] are never hidden.
MaskedTokens mask_tokens(const Encoding& encoding, const SpecialTokens& special, double fraction,
                         core::Rng& rng);

}  // namespace dnabird::seq
