// Fine-tuning: the head on [CLS] learns classes, labels or values; the masked-token head may learn
// beside it, so that it stays good and the encoder is held to what it knew.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/epoch_order.h"
#include "data/labelled.h"
#include "seq/masking.h"
#include "seq/tokenizer.h"
#include "train/batches.h"
#include "train/calibration.h"
#include "train/head_loss.h"
#include "train/loss_task.h"

namespace dnabird::train {

struct HeadOptions {
  StepOptions step;
  std::vector<double> weights;  // (K): of classes, or of the positives of each label
  bool both_strands = false;    // every draw is the reverse complement with probability one half
  double masked_lm_weight = 0;  // of the masked-token loss beside the head's
  double masked_rows = 0.5;     // share of the sequences that it masks
  bool calibrate = false;       // evaluate what calibrate() would make; classes only
  seq::MaskingOptions masking;
};

class HeadTrainingTask : public LossTask {
 public:
  /// All of these must outlive it. The model's head is in standard units. Only k-mers can be
  /// masked: with another tokenizer masked_lm_weight is 0.
  HeadTrainingTask(Replicas& replicas, const seq::Tokenizer& tokenizer,
                   const data::LabelledData& train, const data::LabelledData& dev,
                   const HeadOptions& options);

  bool has_dev() const override { return true; }
  Evaluation evaluate() override;

  /// Moves the logits of the classes so that their probabilities fit the dev set; see
  /// fit_calibration().
  void calibrate();

  const std::vector<Standard>& standards() const { return standards_; }  // regression, else empty

 private:
  StepRows draw(std::int64_t step) override;
  nlohmann::json place_of_draws() const override;
  void seek_draws(const nlohmann::json& place) override;
  const HeadTruth* truth() const override { return &truth_; }
  StepLoss loss_of(const StepRows& step, const LossSums& sums) const override;
  Calibration fit(std::span<const double> outputs) const;

  const seq::Tokenizer& tokenizer_;
  const data::LabelledData& train_;
  const data::LabelledData& dev_;
  HeadOptions options_;
  std::vector<Standard> standards_;
  HeadTruth truth_, dev_truth_;
  TokenRows dev_rows_;
  data::EpochOrder order_;
  const seq::KmerTokenizer* kmers_;  // the tokenizer, null if its tokens are others
};

}  // namespace dnabird::train
