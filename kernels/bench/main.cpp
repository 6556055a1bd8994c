// dnabird_bench: checks each kernel of the CPU against the reference in double, then times it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/bench/cases.h"

namespace dnabird::kernels::bench {

namespace {

constexpr double kTolerance = 1e-5;

struct Options {
  int threads = 0;
  Clock clock = Clock::wall;
  std::string filter;
};

/// Exits with 2 on what it does not know.
Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    char* end = nullptr;
    if (i + 1 < argc && std::strcmp(argv[i], "--threads") == 0) {
      options.threads = static_cast<int>(std::strtol(argv[i + 1], &end, 10));
      if (*end == '\0' && options.threads >= 0) continue;
    } else if (i + 1 < argc && std::strcmp(argv[i], "--filter") == 0) {
      options.filter = argv[i + 1];
      continue;
    } else if (i + 1 < argc && std::strcmp(argv[i], "--clock") == 0) {
      options.clock = std::strcmp(argv[i + 1], "wall") == 0 ? Clock::wall : Clock::processor;
      if (options.clock == Clock::wall || std::strcmp(argv[i + 1], "processor") == 0) continue;
    }
    std::fprintf(stderr,
                 "usage: dnabird_bench [--threads N] [--clock wall|processor] [--filter TEXT]\n"
                 "Checks each kernel against the reference, then times it. Exit code 1 if a check "
                 "fails.\nBeside other work take --threads 1 --clock processor.\nTEXT: part of "
                 "\"op shape\", e.g. \"attention forward\".\n");
    std::exit(2);
  }
  return options;
}

struct Devices {
  KernelSet &tested, &reference;
};

/// One line of the table; returns whether the check held.
bool report(const Case& c, const Devices& devices, const Options& options, double product_rate) {
  const double error = relative_error(c.check, devices.tested, devices.reference);
  const double time = seconds(c.time, devices.tested, options.clock);
  const bool good = error <= kTolerance;
  const double rate = (c.time.flops > 0 ? c.time.flops : c.time.bytes) / time * 1e-9;
  std::printf("%-26s %-42s %10.3f %8.1f %-8s", c.time.name.c_str(), c.time.shape.c_str(),
              time * 1e3, rate, c.time.flops > 0 ? "GFLOP/s" : "GB/s");
  if (c.time.flops > 0) {
    std::printf(" %5.0f %%", 100 * rate / product_rate);
  } else {
    std::printf(" %7s", "");
  }
  std::printf(" %9.1e%s\n", error, good ? "" : "  FAILED");
  std::fflush(stdout);
  return good;
}

int run(const Options& options) {
  const auto device = make_kernel_set("cpu", DType::f32, options.threads);
  const auto reference = make_kernel_set("reference", DType::f64, 1);
  const Operation product = matrix_product();
  const double product_rate = product.flops / seconds(product, *device, options.clock) * 1e-9;
  std::printf("%s; matrix product %s: %.0f GFLOP/s\n\n", device->description().c_str(),
              product.shape.c_str(), product_rate);
  std::printf("%-26s %-42s %10s %17s %7s %9s\n", "op", "shape", "ms", "rate", "of it", "error");
  bool all_good = true;
  for (const auto& cases : {dense_cases(), attention_cases(), training_cases()}) {
    for (const Case& c : cases) {
      if ((c.time.name + " " + c.time.shape).find(options.filter) == std::string::npos) continue;
      all_good = report(c, {*device, *reference}, options, product_rate) && all_good;
    }
  }
  if (!all_good) std::printf("\nFAILED: relative error above %.0e\n", kTolerance);
  return all_good ? 0 : 1;
}

}  // namespace

}  // namespace dnabird::kernels::bench

int main(int argc, char** argv) {
  try {
    return dnabird::kernels::bench::run(dnabird::kernels::bench::read_options(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dnabird_bench: %s\n", error.what());
    return 1;
  }
}
