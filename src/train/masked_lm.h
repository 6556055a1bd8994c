// Pretraining: the model fills in hidden k-mers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/window_sampler.h"
#include "seq/kmer_tokenizer.h"
#include "seq/masking.h"
#include "train/batches.h"
#include "train/loss_task.h"

namespace dnabird::train {

/// What a model says of hidden tokens.
struct MaskedScore {
  double loss_sum = 0;      // of -log p(true token), natural log
  std::int64_t tokens = 0;  // labelled
  std::int64_t called = 0;  // of these the model's first choice
  std::int64_t hidden = 0;  // bases that no visible token shows, counted once for each token
  double loss() const { return loss_sum / static_cast<double>(tokens); }
  /// Sum of -log2 p over the tokens, by the hidden bases in them.
  double bits_per_base() const;
  double accuracy() const { return static_cast<double>(called) / static_cast<double>(tokens); }
};

/// Sequences masked once and for all: the same tokens are hidden whenever and by whomever it is
/// evaluated. Every span is hidden by [MASK]: nothing of it is left to be read off.
class MaskedDevSet {
 public:
  /// `fraction` and lengths of spans are taken from `masking`. Throws DataError if that
  /// hides nothing.
  MaskedDevSet(const std::vector<std::string>& sequences, const seq::KmerTokenizer& tokenizer,
               seq::MaskingOptions masking);
  MaskedScore score(const model::Model& model) const;
  std::int64_t tokens() const { return rows_.tokens(); }

 private:
  TokenRows rows_;
  std::int64_t hidden_ = 0;
};

struct MaskedLmOptions {
  StepOptions step;
  seq::MaskingOptions masking;
};

class MaskedLmTask : public LossTask {
 public:
  /// All of these must outlive it; `dev` may be null.
  MaskedLmTask(Replicas& replicas, const seq::KmerTokenizer& tokenizer,
               data::WindowSampler& sampler, const MaskedDevSet* dev,
               const MaskedLmOptions& options);

  bool has_dev() const override { return dev_ != nullptr; }
  Evaluation evaluate() override;

 private:
  StepRows draw(std::int64_t step) override;
  nlohmann::json place_of_draws() const override;
  void seek_draws(const nlohmann::json& place) override;
  const HeadTruth* truth() const override { return nullptr; }
  StepLoss loss_of(const StepRows& step, const LossSums& sums) const override;

  const seq::KmerTokenizer& tokenizer_;
  data::WindowSampler& sampler_;
  const MaskedDevSet* dev_;
  seq::MaskingOptions masking_;
};

}  // namespace dnabird::train
