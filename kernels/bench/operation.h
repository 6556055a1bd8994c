// One call of an op, described so that it can be made on any kernel set: first on the reference
// and on the device to compare, then on the device to time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/bench/clock.h"
#include "kernels/kernel_set.h"

namespace dnabird::kernels::bench {

enum class Use { input, saved, output };  // saved: made by prepare; output: compared

/// Of dtype(), or of parameter_dtype(): parameters, their gradients, statistics of rows.
enum class Holds { activations, parameters };

struct FloatArray {
  std::int64_t n;
  Use use;
  double scale = 0;  // uniform in [-scale, scale]
  Holds holds = Holds::activations;
};

/// The buffers of an operation in the memory of a kernel set.
struct Buffers {
  KernelSet& kernels;
  std::vector<void*> f;
  std::vector<const std::int32_t*> i;
};

/// What an op cannot be faster than: large products, products of tiles in the first cache, memory.
enum class Bound { product, tiles, memory };

/// Elements read and written, each array once.
struct Traffic {
  double activations = 0, parameters = 0;
};

struct Operation {
  std::string name, shape;
  Bound bound = Bound::memory;
  double flops = 0;      // of matrix products; 0 if bound by memory
  Traffic traffic = {};  // if bound by memory
  bool in_f32 = false;   // knows no other precision: losses, the optimizer
  std::vector<FloatArray> floats = {};
  std::vector<std::vector<std::int32_t>> ints = {};
  std::function<void(const Buffers&)> run = {};
  std::function<void(const Buffers&)> prepare = {};  // not timed: the forward pass of a backward op
};

/// A small copy to check where the reference would take long, and the real one to time.
struct Case {
  Operation check, time;
};

/// Largest difference over the largest value of each output, device against the reference in
/// double on the same floats; the worst output counts. NaN and infinity count as infinitely far.
double relative_error(const Operation& op, KernelSet& device, KernelSet& reference);

/// Whether the kernel set's calls return before their work is done, on a processor of its own.
bool is_asynchronous(const KernelSet& kernels);

/// Seconds of one run. On the CPU the fastest of at least five, and of at least 0.2 s; elsewhere
/// median_of_groups, of at least 0.1 s.
double seconds(const Operation& op, KernelSet& device, Clock clock);

double bytes_of(const Traffic& traffic, const KernelSet& kernels);

}  // namespace dnabird::kernels::bench
