#include "kernels/bench/operation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/bf16.h"
#include "kernels/philox.h"

namespace dnabird::kernels::bench {

namespace {

/// Values of array number `stream`: floats, so that every precision gets the same numbers.
std::vector<float> values_of(const FloatArray& array, std::uint64_t stream) {
  std::vector<float> values(array.n);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < array.n; ++i) {
    const double unit = philox_word(1, stream, i) / 4294967296.0;
    values[i] = static_cast<float>((2 * unit - 1) * array.scale);
  }
  return values;
}

template <class To, class From>
void put(KernelSet& kernels, const std::vector<From>& values, void* to) {
  std::vector<To> converted(values.size());
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_same_v<To, Bf16>) {
      assign(converted[i], values[i]);
    } else {
      converted[i] = values[i];
    }
  }
  kernels.copy_in(to, converted.data(), converted.size() * sizeof(To));
}

template <class From>
std::vector<double> get(KernelSet& kernels, std::int64_t n, const void* from) {
  std::vector<From> values(n);
  kernels.copy_out(values.data(), from, n * sizeof(From));
  std::vector<double> result;
  for (const From value : values) {
    if constexpr (std::is_same_v<From, Bf16>) {
      result.push_back(to_float(value));
    } else {
      result.push_back(value);
    }
  }
  return result;
}

DType type_of(const FloatArray& array, const KernelSet& kernels) {
  return array.holds == Holds::parameters ? kernels.parameter_dtype() : kernels.dtype();
}

std::size_t bytes_of(const FloatArray& array, const KernelSet& kernels) {
  return static_cast<std::size_t>(array.n) * size_of(type_of(array, kernels));
}

/// Owns the buffers of an operation on one kernel set.
class Session {
 public:
  Session(const Operation& op, KernelSet& kernels) : op_(op), buffers_{kernels, {}, {}} {
    for (std::size_t n = 0; n < op.floats.size(); ++n) {
      const FloatArray& array = op.floats[n];
      const std::size_t bytes = bytes_of(array, kernels);
      buffers_.f.push_back(array.holds == Holds::parameters ? kernels.allocate_parameters(bytes)
                                                            : kernels.allocate(bytes));
      if (array.scale == 0) {
        kernels.zero(buffers_.f.back(), bytes);
        continue;
      }
      const std::vector<float> values = values_of(array, n);
      switch (type_of(array, kernels)) {
        case DType::f64:
          put<double>(kernels, values, buffers_.f.back());
          break;
        case DType::bf16:
          put<Bf16>(kernels, values, buffers_.f.back());
          break;
        default:
          put<float>(kernels, values, buffers_.f.back());
      }
    }
    for (const std::vector<std::int32_t>& values : op.ints) {
      void* memory = kernels.allocate(values.size() * sizeof(std::int32_t));
      put<std::int32_t>(kernels, values, memory);
      ints_.push_back(memory);
      buffers_.i.push_back(static_cast<const std::int32_t*>(memory));
    }
    if (op.prepare) op.prepare(buffers_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    for (std::size_t n = 0; n < op_.floats.size(); ++n) {
      buffers_.kernels.release(buffers_.f[n], bytes_of(op_.floats[n], buffers_.kernels));
    }
    for (std::size_t n = 0; n < ints_.size(); ++n) {
      buffers_.kernels.release(ints_[n], op_.ints[n].size() * sizeof(std::int32_t));
    }
  }

  void call() { op_.run(buffers_); }
  void wait() { buffers_.kernels.synchronize(); }
  std::vector<double> array(std::size_t n) {
    KernelSet& kernels = buffers_.kernels;
    const FloatArray& array = op_.floats[n];
    switch (type_of(array, kernels)) {
      case DType::f64:
        return get<double>(kernels, array.n, buffers_.f[n]);
      case DType::bf16:
        return get<Bf16>(kernels, array.n, buffers_.f[n]);
      default:
        return get<float>(kernels, array.n, buffers_.f[n]);
    }
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
  on_device.call();
  on_reference.call();
  double worst = 0;
  for (std::size_t n = 0; n < op.floats.size(); ++n) {
    if (op.floats[n].use != Use::output) continue;
    worst = std::max(worst, largest_difference(on_device.array(n), on_reference.array(n)));
  }
  return worst;
}

bool is_asynchronous(const KernelSet& kernels) { return kernels.name().starts_with("cuda"); }

double seconds(const Operation& op, KernelSet& device, Clock clock) {
  Session session(op, device);
  if (is_asynchronous(device)) {
    return median_of_groups([&session] { session.call(); }, [&session] { session.wait(); },
                            {5, 0.1});
  }
  return fastest([&session] { session.call(); }, clock, {5, 0.2});
}

double bytes_of(const Traffic& traffic, const KernelSet& kernels) {
  return traffic.activations * static_cast<double>(size_of(kernels.dtype())) +
         traffic.parameters * static_cast<double>(size_of(kernels.parameter_dtype()));
}

}  // namespace dnabird::kernels::bench
