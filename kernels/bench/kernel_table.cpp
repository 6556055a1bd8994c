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
  const double product = matrix_product_rate(table.tested, table.clock);
  std::string text = percent(rate, product, "product");
  if (op.bound == Bound::tiles && table.tile_rate > 0) {
    text += ", " + percent(rate, table.tile_rate, "tile");
  }
  return text;
}

/// Returns whether the check held.
bool print_case(const Case& c, const KernelTable& table) {
  const double error = relative_error(c.check, table.tested, table.reference);
  const double time = seconds(c.time, table.tested, table.clock);
  const bool good = error <= tolerance(table.tested);
  const bool by_memory = c.time.bound == Bound::memory;
  const double rate = (by_memory ? c.time.bytes : c.time.flops) / time;
  std::printf("%-26s %-44s %9.3f %7.1f %-7s  %-30s %8.1e%s\n", c.time.name.c_str(),
              c.time.shape.c_str(), time * 1e3, rate * 1e-9, by_memory ? "GB/s" : "GFLOP/s",
              share(c.time, rate, table).c_str(), error, good ? "" : "  FAILED");
  std::fflush(stdout);
  return good;
}

}  // namespace

TableResult print_kernels(const KernelTable& table) {
  TableResult result;
  for (const auto& cases : {dense_cases(), attention_cases(), training_cases()}) {
    for (const Case& c : cases) {
      if ((c.time.name + " " + c.time.shape).find(table.filter) == std::string::npos) continue;
      // What memory bounds is described by its bytes in f32.
      if (table.tested.dtype() == DType::bf16 && c.time.bound == Bound::memory) continue;
      if (result.rows == 0) {
        std::printf("\n%-26s %-44s %9s %15s  %-30s %8s\n",
                    table.tested.dtype() == DType::bf16 ? "kernel, bf16" : "kernel", "shape", "ms",
                    "rate", "share", "error");
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
