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
  try {
    core::open_device("cpu", "bf16", options.threads);
    return {"f32", "bf16"};
  } catch (const core::UsageError&) {
    return {"f32"};
  }
}

/// Returns the table of kernels, whose limits it has just measured.
bench::KernelTable print_limits(const BenchOptions& options, core::KernelSet& tested,
                                core::KernelSet& reference) {
  const int threads = options.threads == 0 ? omp_get_num_procs() : options.threads;
  const bench::MemoryRates memory = bench::memory_rates(threads, options.clock);
  const double tile = bench::tile_product_rate(bench::Precision::f32, threads, options.clock);
  std::printf("%s\n", tested.description().c_str());
  std::printf("matrix product %s: %.1f GFLOP/s f32\n", bench::matrix_product().shape.c_str(),
              kGiga * bench::matrix_product_rate(tested, options.clock));
  std::printf("64 x 64 x 64 tile in the first cache: %.1f GFLOP/s f32", kGiga * tile);
  const double bf16 = bench::tile_product_rate(bench::Precision::bf16, threads, options.clock);
  if (bf16 > 0) std::printf(", %.1f bf16", kGiga * bf16);
  std::printf("\nmemory: copy %.1f GB/s, triad %.1f GB/s\n", kGiga * memory.copy,
              kGiga * memory.triad);
  std::fflush(stdout);
  return {tested, reference, tile, memory.triad, options.clock, options.filter};
}

int run(const BenchOptions& options) {
  if (options.help) {
    std::fputs(kBenchUsage, stdout);
    return 0;
  }
  bench::TableResult kernels_result;
  {
    const auto tested = core::open_device("cpu", "f32", options.threads);
    const auto reference = core::open_reference();
    kernels_result = bench::print_kernels(print_limits(options, *tested, *reference));
  }
  const int models = print_models(
      {options.threads, precisions_of(options), options.clock, options.filter, options.scaling});
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
