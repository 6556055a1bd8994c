#include "benchmarks/model_table.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>

#include "benchmarks/model_cases.h"
#include "benchmarks/peak_memory.h"
#include "core/device.h"
#include "kernels/bench/limits.h"

namespace dnabird::benchmarks {

namespace {

constexpr double kLong = 2.5e12;  // FLOPs from which on the CPU a case has to be asked for

bool is_asked_for(const ModelCase& c, const ModelTable& table, const std::string& precision) {
  const bool on_cpu = table.device == "cpu";
  // The CPU trains in f32.
  if (on_cpu && c.is_training && precision != "f32") return false;
  const std::string& filter = table.filter;
  if (filter.empty()) return !on_cpu || (c.flops <= kLong && !c.on_request);
  return (c.name + " " + c.shape).find(filter) != std::string::npos;
}

/// Largest and smallest time per token, of the lengths from 1,024 on.
struct PerToken {
  double least = 0, most = 0;  // seconds
  std::int64_t shortest = 0, longest = 0;

  void add(std::int64_t length, double seconds) {
    least = longest == 0 ? seconds : std::min(least, seconds);
    most = std::max(most, seconds);
    shortest = longest == 0 ? length : std::min(shortest, length);
    longest = std::max(longest, length);
  }
};

void print_header(bool scaling) {
  std::printf("\n%-28s %-22s %-5s %10s %17s  %-16s %9s %9s%s\n", "model", "shape", "", "ms", "rate",
              "share", "tokens/s", "peak MB", scaling ? "  over 1 thread" : "");
}

/// Of one call: the fastest on the CPU, the median on a GPU.
double seconds(const ModelCase& c, core::KernelSet& kernels, kernels::bench::Clock clock) {
  const std::function<void()> call = c.make(kernels);
  if (!kernels::bench::is_asynchronous(kernels)) {
    return kernels::bench::fastest(call, clock, {2, 0.5});
  }
  return kernels::bench::median_of_groups(call, [&] { kernels.synchronize(); }, {5, 0.25});
}

/// Seconds per token.
double print_case(const ModelCase& c, const ModelTable& table, const std::string& precision) {
  const bool on_cpu = table.device == "cpu";
  const auto kernels = core::open_device(table.device, precision, table.threads);
  reset_peak_memory();
  const double time = seconds(c, *kernels, table.clock);
  const std::int64_t peak = peak_memory();
  const double product = on_cpu ? kernels::bench::matrix_product_rate(*kernels, table.clock)
                                : table.product_rates.at(precision);
  const double rate = c.flops / time;
  std::printf("%-28s %-22s %-5s %10.2f %9.1f GFLOP/s  %4.0f %% of product %9.0f %9.0f",
              c.name.c_str(), c.shape.c_str(), precision.c_str(), time * 1e3, rate * 1e-9,
              100 * rate / product, static_cast<double>(c.tokens) / time,
              on_cpu ? static_cast<double>(peak) * 1e-6 : 0.0);
  if (table.scaling) {
    const auto one = core::open_device("cpu", precision, 1);
    std::printf(" %14.2f", seconds(c, *one, table.clock) / time);
  }
  std::printf("\n");
  std::fflush(stdout);
  return time / static_cast<double>(c.tokens);
}

}  // namespace

int print_models(const ModelTable& table) {
  int rows = 0;
  std::map<std::string, PerToken> per_token;  // by size and precision
  for (const std::string& precision : table.precisions) {
    for (const ModelCase& c : table.device == "cpu" ? model_cases() : model_cases_of_gpus()) {
      if (!is_asked_for(c, table, precision)) continue;
      if (rows++ == 0) print_header(table.scaling);
      const double seconds = print_case(c, table, precision);
      if (c.length >= 1024) per_token[c.size + ", " + precision].add(c.length, seconds);
    }
  }
  for (const auto& [what, times] : per_token) {
    if (times.shortest == times.longest) continue;
    std::printf("time per token, %s, %lld to %lld tokens: largest / smallest %.2f\n", what.c_str(),
                static_cast<long long>(times.shortest), static_cast<long long>(times.longest),
                times.most / times.least);
  }
  return rows;
}

}  // namespace dnabird::benchmarks
