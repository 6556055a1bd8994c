// dnabird_bench: what the machine can do at most, then how near kernels and whole models come.
#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>

#include "benchmarks/model_table.h"
#include "benchmarks/options.h"
#include "core/device.h"
#include "core/errors.h"
#include "core/tensor.h"
#include "kernels/bench/block_lists.h"
#include "kernels/bench/kernel_table.h"
#include "kernels/bench/limits.h"

namespace dnabird::benchmarks {

namespace {

namespace bench = kernels::bench;

constexpr double kGiga = 1e-9;

/// Those asked for; else bf16 on a GPU, and on the CPU f32, and bf16 where the processor has it.
std::vector<std::string> precisions_of(const BenchOptions& options) {
  if (!options.precisions.empty()) return options.precisions;
  if (options.device != "cpu") return {"bf16"};
  if (kernels::has_bf16("cpu")) return {"f32", "bf16"};
  return {"f32"};
}

struct Limits {
  std::map<std::string, double> product;  // FLOP/s by precision
  std::map<std::string, double> tile;     // the same; 0: no such instructions, or not the CPU
  double memory;                          // bytes per second
};

void print_memory(const bench::MemoryRates& memory, const char* second) {
  std::printf("memory: copy %.1f GB/s, %s %.1f GB/s\n", kGiga * memory.copy, second,
              kGiga * memory.triad);
  std::fflush(stdout);
}

Limits print_limits(const BenchOptions& options, const std::vector<std::string>& precisions) {
  Limits limits;
  for (const std::string& precision : precisions) {
    const auto kernels = core::open_device(options.device, precision, options.threads);
    limits.product[precision] = bench::matrix_product_rate(*kernels, options.clock);
    std::printf("%s\nmatrix product %s: %.1f GFLOP/s %s\n", kernels->description().c_str(),
                bench::matrix_product(*kernels).shape.c_str(), kGiga * limits.product[precision],
                precision.c_str());
  }
  if (options.device != "cpu") {
    const auto kernels = core::open_device(options.device, "f32", options.threads);
    const bench::MemoryRates memory = bench::memory_rates(*kernels);
    limits.memory = std::max(memory.copy, memory.triad);
    print_memory(memory, "addition");
    return limits;
  }
  const int threads = options.threads == 0 ? omp_get_num_procs() : options.threads;
  const bench::MemoryRates memory = bench::memory_rates(threads, options.clock);
  limits.memory = memory.triad;
  limits.tile["f32"] = bench::tile_product_rate(bench::Precision::f32, threads, options.clock);
  limits.tile["bf16"] = bench::tile_product_rate(bench::Precision::bf16, threads, options.clock);
  std::printf("64 x 64 x 64 tile in the first cache: %.1f GFLOP/s f32", kGiga * limits.tile["f32"]);
  if (limits.tile["bf16"] > 0) std::printf(", %.1f bf16", kGiga * limits.tile["bf16"]);
  std::printf("\n");
  print_memory(memory, "triad");
  return limits;
}

/// The lists of the sparse cases of 12 heads: a line for each head and row.
void print_lists() {
  const bench::BlockLists lists = bench::sparse_lists(12, 4096, 64);
  for (std::int64_t row = 0; row < lists.heads * lists.blocks; ++row) {
    std::printf("%lld %lld", static_cast<long long>(row / lists.blocks),
                static_cast<long long>(row % lists.blocks));
    for (std::int32_t n = lists.row_begin[row]; n < lists.row_begin[row + 1]; ++n) {
      std::printf(" %d", lists.key_block[n]);
    }
    std::printf("\n");
  }
}

int run(const BenchOptions& options) {
  if (options.help) {
    std::fputs(kBenchUsage, stdout);
    return 0;
  }
  if (options.lists) {
    print_lists();
    return 0;
  }
  const bool on_cpu = options.device == "cpu";
  const std::vector<std::string> precisions = precisions_of(options);
  Limits limits = print_limits(options, precisions);
  bench::TableResult kernels_result;
  const auto reference = core::open_reference();
  for (const std::string& precision : precisions) {
    const auto tested = core::open_device(options.device, precision, options.threads);
    const bench::TableResult result = bench::print_kernels(
        {*tested, *reference, on_cpu ? 0 : limits.product[precision], limits.tile[precision],
         limits.memory, options.clock, options.filter});
    kernels_result.rows += result.rows;
    kernels_result.failed += result.failed;
  }
  const int models = print_models({options.device, options.threads, precisions, limits.product,
                                   options.clock, options.filter, options.scaling});
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
