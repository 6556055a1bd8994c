// Sequences, and the windows of variants, as vectors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "predict/variant_allele.h"
#include "predict/window_batcher.h"
#include "seq/haplotype.h"
#include "seq/tokenizer.h"

namespace dnabird::predict {

/// What becomes of the last hidden states of a sequence's tokens.
enum class Pool {
  mean,    // one vector: their mean, [CLS] and [SEP] left out; [UNK] counts
  cls,     // one vector: that of [CLS]
  tokens,  // all of them, [CLS] and [SEP] included
};

/// Results hang on the sequence alone, not on what shares a batch or a call with it.
class Embedder {
 public:
  /// `batch_size` sequences are run at once; 0 = chosen. Model and tokenizer must outlive it.
  Embedder(const model::Model& model, const seq::Tokenizer& tokenizer, Pool pool,
           std::int64_t batch_size);

  std::int64_t channels() const { return batcher_.model().config().channels; }  // C

  /// [CLS] tokens [SEP] of a sequence. Throws DataError that begins with `where` if it has no token
  /// of its own, or more than the model has positions for.
  Tokens tokenize(const std::string& bases, const std::string& where) const;

  /// For each of them (R,C), row-major: R = 1, or its tokens. Throws DataError if the model's
  /// numbers are not finite.
  std::vector<std::vector<float>> embed(std::span<const Tokens> sequences) const;

 private:
  WindowBatcher batcher_;
  const seq::Tokenizer& tokenizer_;
  Pool pool_;
};

/// The window of an allele, or why it has none.
struct AlleleWindow {
  AlleleStatus status = AlleleStatus::ok;
  std::string bases;  // of the forward strand; empty unless the status is ok
};

/// For each ALT of a variant n_bases bases of one haplotype, forward strand, with the allele in its
/// canonical writing (seq::normalize_allele) in the middle; what lies beyond the contig is N. With
/// n_bases = score_window_bases() these are the windows that DNABIRD_DIST compares.
std::vector<AlleleWindow> allele_windows(AlleleChecker& checker, const Variant& variant,
                                         seq::Haplotype haplotype, std::int64_t n_bases);

}  // namespace dnabird::predict
