#include "kernels/bench/clock.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>
#include <vector>

namespace dnabird::kernels::bench {

namespace {

constexpr double kWarmUp = 0.03, kGroup = 0.005;  // seconds

}  // namespace

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

double median_of_groups(const std::function<void()>& call, const std::function<void()>& wait,
                        const Repeats& repeats) {
  const auto seconds_of = [&](int calls) {
    const double start = now(Clock::wall);
    for (int n = 0; n < calls; ++n) call();
    wait();
    return now(Clock::wall) - start;
  };
  seconds_of(1);  // can outlast the warm-up: memory, schedules and algorithms are new
  // The clocks of an idle device are low.
  double one = 0, spent = 0;
  while (spent < kWarmUp) {
    one = seconds_of(1);
    spent += one;
  }
  const int calls = std::clamp(static_cast<int>(kGroup / one), 1, 1000);
  std::vector<double> times;
  for (double total = 0;
       static_cast<int>(times.size()) < repeats.least || total < repeats.seconds;) {
    times.push_back(seconds_of(calls));
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2] / calls;
}

}  // namespace dnabird::kernels::bench
