// dnabird_bench: what the machine can do at most, then how near kernels and whole models come.
#include <omp.h>

#include <cstdio>
#include <exception>

#include "benchmarks/model_table.h"
#include "benchmarks/options.h"
#include "core/device.h"
#include "core/errors.h"
#include "core/tensor.h"
#include "kernels/bench/kernel_table.h"
#include "kernels/bench/limits.h"

namespace dnabird::benchmarks {

namespace {

namespace bench = kernels::bench;

constexpr double kGiga = 1e-9;

/// Those asked for; else f32, and bf16 where the processor has it.
std::vector<std::string> precisions_of(const BenchOptions& options) {
  if (!options.precisions.empty()) return options.precisions;
  if (kernels::has_bf16("cpu")) return {"f32", "bf16"};
  return {"f32"};
}

struct Limits {
  double tile_f32, tile_bf16;  // FLOP/s; 0 where the processor has no such instructions
  double memory;               // bytes per second
};

Limits print_limits(const BenchOptions& options, const std::vector<std::string>& precisions) {
  const int threads = options.threads == 0 ? omp_get_num_procs() : options.threads;
  const bench::MemoryRates memory = bench::memory_rates(threads, options.clock);
  const Limits limits{bench::tile_product_rate(bench::Precision::f32, threads, options.clock),
                      bench::tile_product_rate(bench::Precision::bf16, threads, options.clock),
                      memory.triad};
  for (const std::string& precision : precisions) {
    const auto kernels = core::open_device("cpu", precision, options.threads);
    std::printf("%s\nmatrix product %s: %.1f GFLOP/s %s\n", kernels->description().c_str(),
                bench::matrix_product().shape.c_str(),
                kGiga * bench::matrix_product_rate(*kernels, options.clock), precision.c_str());
  }
  std::printf("64 x 64 x 64 tile in the first cache: %.1f GFLOP/s f32", kGiga * limits.tile_f32);
  if (limits.tile_bf16 > 0) std::printf(", %.1f bf16", kGiga * limits.tile_bf16);
  std::printf("\nmemory: copy %.1f GB/s, triad %.1f GB/s\n", kGiga * memory.copy,
              kGiga * memory.triad);
  std::fflush(stdout);
  return limits;
}

int run(const BenchOptions& options) {
  if (options.help) {
    std::fputs(kBenchUsage, stdout);
    return 0;
  }
  const std::vector<std::string> precisions = precisions_of(options);
  const Limits limits = print_limits(options, precisions);
  bench::TableResult kernels_result;
  const auto reference = core::open_reference();
  for (const std::string& precision : precisions) {
    const auto tested = core::open_device("cpu", precision, options.threads);
    const bench::TableResult result = bench::print_kernels(
        {*tested, *reference, precision == "f32" ? limits.tile_f32 : limits.tile_bf16,
         limits.memory, options.clock, options.filter});
    kernels_result.rows += result.rows;
    kernels_result.failed += result.failed;
  }
  const int models =
      print_models({options.threads, precisions, options.clock, options.filter, options.scaling});
  if (kernels_result.rows + models == 0) {
    throw core::UsageError("--filter '" + options.filter + "': no case has that in its name");
  }
  return kernels_result.failed == 0 ? 0 : 1;
}

}  // namespace

}  // namespace dnabird::benchmarks

int main(int argc, char** argv) {
  using namespace dnabird;
  try {
    return benchmarks::run(benchmarks::parse_bench_options({argv + 1, argv + argc}));
  } catch (const core::UsageError& error) {
    std::fprintf(stderr, "dnabird_bench: error: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dnabird_bench: error: %s\n", error.what());
    return 1;
  }
}
