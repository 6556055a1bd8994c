// What a call is timed with.
#pragma once

#include <functional>

namespace dnabird::kernels::bench {

enum class Clock {
  wall,
  processor  // of all threads: for one thread, beside other work
};

/// Seconds since some moment.
double now(Clock clock);

struct Repeats {
  int least;       // calls
  double seconds;  // and at least so long in all
};

/// Seconds of one call: the fastest of those that `repeats` asks for, behind one that is not
/// counted (memory and threads are there from then on). What else runs on the machine only ever
/// adds.
double fastest(const std::function<void()>& call, Clock clock, const Repeats& repeats);

/// Seconds of one call that a device works off behind others: the median over groups of calls, each
/// group so long that its one `wait` for the device does not count. `repeats` counts groups.
double median_of_groups(const std::function<void()>& call, const std::function<void()>& wait,
                        const Repeats& repeats);

}  // namespace dnabird::kernels::bench
