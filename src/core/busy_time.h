// How long something was going on, whichever threads did it.
#pragma once

#include <chrono>
#include <mutex>

namespace dnabird::core {

/// Seconds in which at least one use was going on.
class BusyTime {
 public:
  /// From its beginning to its end.
  class Use {
   public:
    explicit Use(BusyTime& time) : time_(time) { time_.change(1); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { time_.change(-1); }

   private:
    BusyTime& time_;
  };

  double seconds() const {
    const std::lock_guard lock(mutex_);
    return std::chrono::duration<double>(past_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void change(int by) {
    const std::lock_guard lock(mutex_);
    if (uses_ == 0) since_ = Clock::now();
    uses_ += by;
    if (uses_ == 0) past_ += Clock::now() - since_;
  }

  mutable std::mutex mutex_;  // of what follows
  int uses_ = 0;
  Clock::time_point since_;
  Clock::duration past_{};
};

}  // namespace dnabird::core
