// Windows of sequence through the encoder in batches: what every predictor asks of a model.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/busy_time.h"
#include "core/replays.h"
#include "core/tensor.h"
#include "model/model.h"
#include "model/model_config.h"
#include "model/token_batch.h"

namespace dnabird::predict {

/// [CLS] tokens [SEP] of one window on one strand.
using Tokens = std::vector<std::int32_t>;

/// Index of the class `promoter` among the targets of a model that sorts windows into classes;
/// none if it does not know promoters.
std::optional<std::int64_t> promoter_class(const model::ModelConfig& config);

/// Log-odds of one class: its logit minus the log-sum-exp of the others', which for two classes is
/// the difference of the logits. logits (K), K >= 2.
double class_log_odds(std::span<const float> logits, std::int64_t index);

/// A window of which the tokens [first_row, first_row + n) are predicted, and the texts that may
/// stand there: each of n token ids, kNotAsked where it does not count.
inline constexpr std::int32_t kNotAsked = -100;
struct MaskedWindow {
  Tokens ids;
  std::int64_t first_row = 0;
  std::vector<Tokens> candidates;
};

/// Results hang on the window alone, not on what shares a batch or a call with it.
///
/// A call asks the device for all that it needs, after which the windows may go. get() of what it
/// returns waits for the numbers, on any thread, while the batcher may be asked for more; it must
/// be there until then.
class WindowBatcher {
 public:
  /// Runs `batch_size` windows at once; 0 = as many as are quick on this device, fewer where its
  /// memory does not hold them. Throws DataError that names the batch where one does not fit. The
  /// model must outlive the batcher.
  WindowBatcher(const model::Model& model, std::int64_t batch_size);

  const model::Model& model() const { return model_; }

  /// Output (n,K) of the task's head, row-major: logits, or values in units of the targets. Throws
  /// DataError if the model has no head.
  std::future<std::vector<float>> head_outputs(const model::SequenceList& windows) const;

  /// Promoter log-odds (natural log) of each window. Throws DataError if the model has no class
  /// `promoter`.
  std::future<std::vector<double>> promoter_log_odds(const model::SequenceList& windows) const;

  /// Mean of the last hidden states over the tokens of each window, [CLS] and [SEP] left out:
  /// (n,C), row-major.
  std::future<std::vector<float>> embeddings(const model::SequenceList& windows) const;

  /// Last hidden state of the [CLS] of each window: (n,C), row-major.
  std::future<std::vector<float>> cls_states(const model::SequenceList& windows) const;

  /// Last hidden states of all tokens of each window, [CLS] and [SEP] included: (tokens,C) each,
  /// row-major.
  std::future<std::vector<std::vector<float>>> token_states(
      const model::SequenceList& windows) const;

  /// For each window and candidate the sum of log p(token | the rest of the window) over its
  /// tokens, natural log, but for those that are kNotAsked. Throws DataError if the model has no
  /// masked-token head.
  std::future<std::vector<std::vector<double>>> candidate_log_likelihoods(
      const std::vector<MaskedWindow>& windows) const;

  /// Seconds so far in which batches were made and asked for, or their numbers waited for.
  double seconds() const { return busy_.seconds(); }

 private:
  /// What is asked of every window of a call.
  enum class Question : std::int64_t { head, cls, pooled, tokens, masked };
  /// What the device reads and leaves of a batch.
  struct Inputs {
    model::TokenBatch tokens;
    core::Tensor rows;     // (M) i32, where tokens are masked: of hidden states seen as (B*T,C)
    core::Tensor labels;   // (candidates,M) i32
    core::Tensor numbers;  // what was asked for
  };
  using Take = std::function<void(const std::vector<float>&)>;
  /// One batch: what is asked of its windows beside their tokens, and what its numbers are for.
  struct Batch {
    std::vector<std::int32_t> rows, labels;  // as in Inputs; empty where nothing is masked
    Take take;
  };
  /// A batch of windows `members`, padded to `tokens`.
  using Prepare =
      std::function<Batch(const std::vector<std::size_t>& members, std::int64_t tokens)>;
  using Compute = std::function<core::Tensor(const Inputs&)>;
  /// A batch that the device has been asked for.
  struct Asked {
    std::future<std::vector<float>> numbers;
    std::int64_t n = 0;  // of them
    Take take;
  };

  /// Each question is asked in one way: `compute` asks the device for its numbers, and does not
  /// wait for them. `prepare` is called again with a smaller batch where the device's memory did
  /// not hold one; a batch that nothing is to be taken of is left out. Numbers are taken in the
  /// order of the batches, the first of very many before the last are asked for.
  std::vector<Asked> ask(const model::SequenceList& windows, Question question,
                         const Prepare& prepare, const Compute& compute) const;
  std::optional<Asked> ask_batch(const model::SequenceList& windows,
                                 const std::vector<std::size_t>& members, Question question,
                                 const Prepare& prepare, const Compute& compute) const;
  void take(std::vector<Asked>& asked) const;
  /// `result`, once all that `asked` fills it with is taken.
  template <class Result>
  std::future<Result> later(std::vector<Asked> asked, std::shared_ptr<Result> result) const;
  /// (n,n_values): a row of `compute` for each window.
  std::future<std::vector<float>> ask_rows(const model::SequenceList& windows, Question question,
                                           std::size_t n_values, const Compute& compute) const;
  core::Tensor candidate_losses(const Inputs& inputs) const;  // (candidates,M): -log p

  const model::Model& model_;
  std::int64_t batch_size_;
  mutable core::Replays<Inputs> replays_;
  mutable core::BusyTime busy_;
};

}  // namespace dnabird::predict
