#include "train/replicas.h"

#include <algorithm>
#include <exception>
#include <latch>
#include <stdexcept>

#include "core/errors.h"

namespace dnabird::train {

using core::Tensor;

namespace {

bool is_consequence(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const kernels::ExchangeAborted&) {
    return true;
  } catch (...) {
    return false;
  }
}

/// The error of the first that failed by itself, else the first error; null if there is none.
std::exception_ptr first_error(const std::vector<std::exception_ptr>& errors) {
  std::exception_ptr first;
  for (const std::exception_ptr& error : errors) {
    if (error && !is_consequence(error)) return error;
    if (!first) first = error;
  }
  return first;
}

}  // namespace

Replicas::Replicas(model::Model& first, const std::vector<core::KernelSet*>& others,
                   std::int64_t bucket_size)
    : models_{&first}, buckets_(gradient_buckets(first, bucket_size)) {
  for (core::KernelSet* kernels : others) {
    owned_.push_back(std::make_unique<model::Model>(*kernels, first.config()));
    models_.push_back(owned_.back().get());
    threads_.push_back(std::make_unique<core::WriteBehind<std::function<void()>>>(
        [](const std::function<void()>& work) { work(); }, 1));
  }
  started_.resize(count());
  open_exchange();
  copy_weights();
}

Replicas::~Replicas() = default;

void Replicas::open_exchange() {
  if (count() == 1) return;
  std::vector<kernels::KernelSet*> members;
  for (const model::Model* model : models_) members.push_back(&model->kernels());
  try {
    exchange_ = kernels::make_exchange(members);
  } catch (const std::invalid_argument& error) {
    throw core::UsageError(std::string("--device: ") + error.what());
  }
}

void Replicas::each(const std::function<void(std::size_t, model::Model&)>& work) {
  if (!exchange_) open_exchange();
  std::fill(started_.begin(), started_.end(), 0);
  std::vector<std::exception_ptr> errors(count());
  const auto run = [&](std::size_t replica) {
    try {
      work(replica, model(replica));
    } catch (...) {
      errors[replica] = std::current_exception();
      if (exchange_) exchange_->abort();
    }
  };
  std::latch others(static_cast<std::ptrdiff_t>(threads_.size()));
  for (std::size_t replica = 1; replica < count(); ++replica) {
    threads_[replica - 1]->push([&, replica] {
      run(replica);
      others.count_down();
    });
  }
  run(0);
  others.wait();
  const std::exception_ptr error = first_error(errors);
  if (!error) return;
  exchange_.reset();  // it has been aborted
  std::rethrow_exception(error);
}

model::GradientsReady Replicas::ready(std::size_t replica) {
  if (count() == 1) return nullptr;
  return [this, replica](std::int64_t from) { start_sums(replica, from); };
}

void Replicas::finish(std::size_t replica) {
  if (count() == 1) return;
  start_sums(replica, 0);
  exchange_->wait(replica);
}

void Replicas::start_sums(std::size_t replica, std::int64_t from) {
  Tensor& gradients = model(replica).parameters().gradients();
  for (std::size_t& next = started_[replica];
       next < buckets_.size() && buckets_[next].begin >= from; ++next) {
    const GradientBucket& bucket = buckets_[next];
    Tensor part = gradients.view(bucket.begin, {bucket.size});
    exchange_->sum(replica, bucket.size, static_cast<float*>(part.data()));
  }
}

void Replicas::copy_weights() {
  if (count() == 1) return;
  const Tensor& values = model(0).parameters().values();
  const std::size_t bytes =
      static_cast<std::size_t>(values.size()) * kernels::size_of(values.dtype());
  std::vector<std::byte> copy(bytes);
  values.kernels().copy_out(copy.data(), values.data(), bytes);
  for (std::size_t replica = 1; replica < count(); ++replica) {
    Tensor& other = model(replica).parameters().values();
    other.kernels().copy_in(other.data(), copy.data(), bytes);
  }
}

}  // namespace dnabird::train
