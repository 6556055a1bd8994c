#include "kernels/bench/clock.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>

namespace dnabird::kernels::bench {

double now(Clock clock) {
  if (clock == Clock::wall) {
    const auto time = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(time).count();
  }
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double fastest(const std::function<void()>& call, Clock clock, const Repeats& repeats) {
  call();
  double least = std::numeric_limits<double>::infinity(), total = 0;
  for (int calls = 0; calls < repeats.least || total < repeats.seconds; ++calls) {
    const double start = now(clock);
    call();
    const double time = now(clock) - start;
    least = std::min(least, time);
    total += time;
  }
  return least;
}

}  // namespace dnabird::kernels::bench
