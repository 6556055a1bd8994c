#include "kernels/bench/operation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/philox.h"

namespace dnabird::kernels::bench {

namespace {

/// Values of array number `stream`: floats, so that every precision gets the same numbers.
std::vector<float> values_of(const FloatArray& array, std::uint64_t stream) {
  std::vector<float> values(array.n);
  for (std::int64_t i = 0; array.scale > 0 && i < array.n; ++i) {
    const double unit = philox_word(1, stream, i) / 4294967296.0;
    values[i] = static_cast<float>((2 * unit - 1) * array.scale);
  }
  return values;
}

template <class From, class To>
void put(KernelSet& kernels, const std::vector<From>& values, void* to) {
  const std::vector<To> converted(values.begin(), values.end());
  kernels.copy_in(to, converted.data(), converted.size() * sizeof(To));
}

template <class From>
std::vector<double> get(KernelSet& kernels, std::int64_t n, const void* from) {
  std::vector<From> values(n);
  kernels.copy_out(values.data(), from, n * sizeof(From));
  return {values.begin(), values.end()};
}

/// Owns the buffers of an operation on one kernel set.
class Session {
 public:
  Session(const Operation& op, KernelSet& kernels) : op_(op), buffers_{kernels, {}, {}} {
    for (std::size_t n = 0; n < op.floats.size(); ++n) {
      buffers_.f.push_back(kernels.allocate(op.floats[n].n * size_of(kernels.dtype())));
      const std::vector<float> values = values_of(op.floats[n], n);
      if (kernels.dtype() == DType::f64) {
        put<float, double>(kernels, values, buffers_.f.back());
      } else {
        put<float, float>(kernels, values, buffers_.f.back());
      }
    }
    for (const std::vector<std::int32_t>& values : op.ints) {
      void* memory = kernels.allocate(values.size() * sizeof(std::int32_t));
      put<std::int32_t, std::int32_t>(kernels, values, memory);
      ints_.push_back(memory);
      buffers_.i.push_back(static_cast<const std::int32_t*>(memory));
    }
    if (op.prepare) op.prepare(buffers_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    for (std::size_t n = 0; n < op_.floats.size(); ++n) {
      buffers_.kernels.release(buffers_.f[n], op_.floats[n].n * size_of(buffers_.kernels.dtype()));
    }
    for (std::size_t n = 0; n < ints_.size(); ++n) {
      buffers_.kernels.release(ints_[n], op_.ints[n].size() * sizeof(std::int32_t));
    }
  }

  void run() {
    op_.run(buffers_);
    buffers_.kernels.synchronize();
  }
  std::vector<double> array(std::size_t n) {
    return buffers_.kernels.dtype() == DType::f64
               ? get<double>(buffers_.kernels, op_.floats[n].n, buffers_.f[n])
               : get<float>(buffers_.kernels, op_.floats[n].n, buffers_.f[n]);
  }

 private:
  const Operation& op_;
  Buffers buffers_;
  std::vector<void*> ints_;
};

double largest_difference(const std::vector<double>& actual, const std::vector<double>& expected) {
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] == expected[i]) continue;  // infinity where it belongs
    const double d = std::abs(actual[i] - expected[i]);
    if (!std::isfinite(d)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, d);
  }
  if (difference == 0) return 0;
  for (const double e : expected) {
    if (std::isfinite(e)) largest = std::max(largest, std::abs(e));
  }
  return difference / largest;
}

}  // namespace

double relative_error(const Operation& op, KernelSet& device, KernelSet& reference) {
  Session on_device(op, device), on_reference(op, reference);
  on_device.run();
  on_reference.run();
  double worst = 0;
  for (std::size_t n = 0; n < op.floats.size(); ++n) {
    if (op.floats[n].use != Use::output) continue;
    worst = std::max(worst, largest_difference(on_device.array(n), on_reference.array(n)));
  }
  return worst;
}

double seconds(const Operation& op, KernelSet& device, Clock clock) {
  Session session(op, device);
  return fastest([&session] { session.run(); }, clock, {5, 0.2});
}

}  // namespace dnabird::kernels::bench
