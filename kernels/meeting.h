// Where the threads of an exchange wait for each other.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>

#include "kernels/exchange.h"

namespace dnabird::kernels {

/// A barrier that a failure breaks, for good.
class Meeting {
 public:
  explicit Meeting(std::size_t members) : members_(members) {}

  /// Returns when all members are there, the last one having called `act`; what that throws, all of
  /// them throw. Throws ExchangeAborted if the meeting is broken off before all are there.
  template <class Act>
  void meet(const Act& act) {
    std::unique_lock lock(mutex_);
    if (is_broken_) throw ExchangeAborted();
    if (++present_ < members_) {
      const std::int64_t mine = held_;
      changed_.wait(lock, [&] { return held_ != mine || is_broken_; });
      if (held_ == mine) throw ExchangeAborted();
      if (error_) std::rethrow_exception(error_);
      return;
    }
    try {
      act();
    } catch (...) {
      error_ = std::current_exception();
      is_broken_ = true;
    }
    present_ = 0;
    ++held_;
    changed_.notify_all();
    if (error_) std::rethrow_exception(error_);
  }
  void meet() {
    meet([] {});
  }

  /// Behind an `act` that is under way; none begins after it.
  void break_off() noexcept {
    const std::lock_guard lock(mutex_);
    is_broken_ = true;
    changed_.notify_all();
  }
  /// Throws ExchangeAborted once it is broken off.
  void check() {
    const std::lock_guard lock(mutex_);
    if (is_broken_) throw ExchangeAborted();
  }

 private:
  const std::size_t members_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t present_ = 0;
  std::int64_t held_ = 0;  // meetings so far
  bool is_broken_ = false;
  std::exception_ptr error_;  // of `act`: then it is broken
};

}  // namespace dnabird::kernels
