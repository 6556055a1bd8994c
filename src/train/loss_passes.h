// Forward and backward passes over the batches of a step: what the losses of the model's heads add
// to the gradients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/replays.h"
#include "core/tensor.h"
#include "model/model.h"
#include "train/batches.h"
#include "train/head_loss.h"

namespace dnabird::train {

/// The sequences of a step and what their losses count.
struct StepRows {
  TokenRows rows;                    // (R)
  std::vector<std::size_t> sources;  // (R) rows of the head's truth; empty without a head
  double head_scale = 0;   // d(total)/d(one loss of the head); 0: it has nothing to learn in them
  double token_scale = 0;  // d(total)/d(one loss of a masked token)
};

/// Sums of losses, natural log.
struct LossSums {
  double head = 0, tokens = 0;
};

/// Passes of one model. A device that captures work is given a batch of a shape that it has seen
/// before as one piece; see core::Replays.
class LossPasses {
 public:
  /// Without `truth` the masked-token head alone learns. Both must outlive the passes.
  LossPasses(model::Model& model, const HeadTruth* truth);
  ~LossPasses();
  LossPasses(const LossPasses&) = delete;
  LossPasses& operator=(const LossPasses&) = delete;

  /// One batch of a step.
  struct Pass {
    const StepRows& step;
    std::span<const std::size_t> members;  // rows of the step, at least one
    std::uint64_t seed, noise;             // of dropout: of the run, and of this pass alone
    model::GradientsReady ready = {};      // Model::encode_backward; such a pass is not captured
  };
  /// Whether there is anything to learn in the members.
  bool has_loss(const StepRows& step, std::span<const std::size_t> members) const;
  /// Adds the gradients of head_scale * head losses + token_scale * token losses to the model's.
  /// Does not wait for the device.
  void add(const Pass& pass);

  /// See core::Replays.
  bool give_up_captures();

  /// The losses of each pass since the last call, in order; waits for the device.
  std::vector<LossSums> take_losses();

 private:
  struct Inputs;
  bool learns_head(const StepRows& step) const;
  /// Passes of one shape differ only in what lies in the tensors of their inputs.
  std::vector<std::int64_t> shape_of(const Pass& pass) const;
  void set_inputs(const Pass& pass, Inputs& inputs) const;
  void run(Inputs& inputs, const model::GradientsReady& ready) const;
  void keep_losses(const Inputs& inputs);

  model::Model& model_;
  const HeadTruth* truth_;
  core::Replays<Inputs> replays_;
  std::vector<core::Tensor> losses_;  // of each pass (2) f64: head, tokens
};

}  // namespace dnabird::train
