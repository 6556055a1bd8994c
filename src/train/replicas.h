// The same model on several devices: each learns from its share of a step's sequences, gradients
// are summed, and every device makes the same update.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/background.h"
#include "kernels/exchange.h"
#include "model/model.h"
#include "train/gradient_buckets.h"

namespace dnabird::train {

/// One model or several with the same weights. In a step:
///   replicas.each([&](std::size_t r, model::Model& model) {
///     ... passes over the replica's share, the last of which ends with
///     model.encode_backward(dhidden, cache, replicas.ready(r));
///     replicas.finish(r);
///   });
/// Then the gradients of each are the sum over all, the same bytes in each. Of one model they are
/// its own, and nothing waits for anything.
class Replicas {
 public:
  /// `first`, and a model of the same configuration and weights on each of `others`; all must
  /// outlive this. Throws core::UsageError if these devices cannot train together.
  explicit Replicas(model::Model& first, const std::vector<core::KernelSet*>& others = {},
                    std::int64_t bucket_size = kBucketSize);
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;
  ~Replicas();

  std::size_t count() const { return models_.size(); }
  model::Model& model(std::size_t replica) const { return *models_[replica]; }

  /// Calls work(r, model(r)) for all replicas at the same time, the first on this thread, and waits
  /// for all. If some throw, the sums of the others end too, and the error of the first of those
  /// that failed by themselves is thrown; each() can be called again.
  void each(const std::function<void(std::size_t, model::Model&)>& work);

  /// For Model::encode_backward() in the last pass of a replica's share, inside each(): starts the
  /// sums of the gradients that are final. Empty for one model.
  model::GradientsReady ready(std::size_t replica);
  /// Behind the replica's last pass, inside each(), by every replica, those without a pass too:
  /// starts the sums that are left and puts what comes behind all of them.
  void finish(std::size_t replica);

  /// The first model's weights to the others, in every bit.
  void copy_weights();

 private:
  static constexpr std::int64_t kBucketSize = 1 << 20;  // 4 MiB: the time of a sum is in its bytes

  void start_sums(std::size_t replica, std::int64_t from);
  void open_exchange();

  std::vector<std::unique_ptr<model::Model>> owned_;
  std::vector<model::Model*> models_;
  std::vector<GradientBucket> buckets_;
  std::vector<std::size_t> started_;             // sums of this step, by replica
  std::unique_ptr<kernels::Exchange> exchange_;  // null for one model, and behind a failure
  std::vector<std::unique_ptr<core::WriteBehind<std::function<void()>>>> threads_;  // of the others
};

}  // namespace dnabird::train
