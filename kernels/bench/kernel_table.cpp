#include "kernels/bench/kernel_table.h"

#include <cstdio>

#include "kernels/bench/cases.h"

namespace dnabird::kernels::bench {

namespace {

/// bf16 rounds inputs that the reference reads as they are.
double tolerance(const KernelSet& tested) { return tested.dtype() == DType::bf16 ? 2e-2 : 1e-5; }

std::string percent(double part, double whole, const char* of) {
  char text[64];
  std::snprintf(text, sizeof text, "%.0f %% of %s", 100 * part / whole, of);
  return text;
}

/// "73 % of product"; of attention both limits.
std::string share(const Operation& op, double rate, const KernelTable& table) {
  if (op.bound == Bound::memory) return percent(rate, table.memory_rate, "memory");
  const double product =
      table.product_rate > 0 ? table.product_rate : matrix_product_rate(table.tested, table.clock);
  std::string text = percent(rate, product, "product");
  if (op.bound == Bound::tiles && table.tile_rate > 0) {
    text += ", " + percent(rate, table.tile_rate, "tile");
  }
  return text;
}

/// "412.5 GFLOP/s", "412.5 TB/s".
std::string rate_text(double rate, const char* unit) {
  const bool tera = rate >= 1e12;
  char text[64];
  std::snprintf(text, sizeof text, "%7.1f %c%s", rate * (tera ? 1e-12 : 1e-9), tera ? 'T' : 'G',
                unit);
  return text;
}

/// Returns whether the check held.
bool print_case(const Case& c, const KernelTable& table) {
  KernelSet& tested = c.time.in_f32 ? table.tested.in(DType::f32) : table.tested;
  const double error = relative_error(c.check, tested, table.reference);
  const double time = seconds(c.time, tested, table.clock);
  const bool good = error <= tolerance(tested);
  const bool by_memory = c.time.bound == Bound::memory;
  const double rate = (by_memory ? bytes_of(c.time.traffic, tested) : c.time.flops) / time;
  std::printf("%-26s %-44s %11.1f %15s  %-30s %8.1e%s\n", c.time.name.c_str(), c.time.shape.c_str(),
              time * 1e6, rate_text(rate, by_memory ? "B/s" : "FLOP/s").c_str(),
              share(c.time, rate, table).c_str(), error, good ? "" : "  FAILED");
  std::fflush(stdout);
  return good;
}

}  // namespace

TableResult print_kernels(const KernelTable& table) {
  const bool on_gpu = is_asynchronous(table.tested), in_bf16 = table.tested.dtype() == DType::bf16;
  const std::int64_t times = on_gpu ? 8 : 1;
  TableResult result;
  for (const auto& cases : {dense_cases(times), attention_cases(times), training_cases(times)}) {
    for (const Case& c : cases) {
      if ((c.time.name + " " + c.time.shape).find(table.filter) == std::string::npos) continue;
      // On the CPU bf16 is for products; what memory bounds is timed in f32.
      if (in_bf16 && !on_gpu && c.time.bound == Bound::memory) continue;
      if (result.rows == 0) {
        std::printf("\n%-26s %-44s %11s %15s  %-30s %8s\n", in_bf16 ? "kernel, bf16" : "kernel",
                    "shape", "us", "rate", "share", "error");
      }
      ++result.rows;
      if (!print_case(c, table)) ++result.failed;
    }
  }
  if (result.failed > 0)
    std::printf("FAILED: relative error above %.0e\n", tolerance(table.tested));
  return result;
}

}  // namespace dnabird::kernels::bench
