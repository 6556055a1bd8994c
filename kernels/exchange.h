// Sums over the devices of one machine: training in parallel over its data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>

#include "kernels/kernel_set.h"

namespace dnabird::kernels {

/// What the sums of a member end with when another one has failed: never the first error.
class ExchangeAborted : public std::runtime_error {
 public:
  ExchangeAborted() : std::runtime_error("another device failed, and its sums with it") {}
};

/// Members are kernel sets, each used by a thread of its own. All members call sum() equally often,
/// with equal sizes. The kernel sets must outlive it.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual std::size_t members() const = 0;
  /// `values` (n) f32 of each member become the sum over all members, the same bytes in each and in
  /// every run. The sum comes behind what the member's kernels were given so far, and beside what
  /// they are given from now on, which must not touch `values` until wait(). Returns when all
  /// members have called it, where they are GPUs before anything is added. Throws ExchangeAborted;
  /// std::logic_error if the sizes differ.
  virtual void sum(std::size_t member, std::int64_t n, float* values) = 0;
  /// What the member's kernels are given from now on comes behind its sums. Throws ExchangeAborted.
  virtual void wait(std::size_t member) = 0;
  /// A member has failed, outside of sum() itself: the sums of the others, those that wait for it
  /// and later ones, throw instead of waiting for ever. For good: go on with a new exchange.
  virtual void abort() noexcept = 0;
};

/// For kernel sets that all compute in the host's memory, or all on different GPUs; at least one,
/// with parameters in f32. Throws std::invalid_argument with a line for the user if it cannot be:
/// devices of both kinds, a GPU named twice, no NCCL.
std::unique_ptr<Exchange> make_exchange(std::span<KernelSet* const> members);

}  // namespace dnabird::kernels
