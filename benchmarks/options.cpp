#include "benchmarks/options.h"

#include "core/errors.h"
#include "core/text.h"

namespace dnabird::benchmarks {

namespace {

using core::UsageError;
using kernels::bench::Clock;

Clock parse_clock(const std::string& text) {
  if (text == "wall") return Clock::wall;
  if (text == "processor") return Clock::processor;
  throw UsageError("--clock '" + text + "': expected wall or processor");
}

int parse_threads(const std::string& text) {
  const auto threads = core::parse_int(text);
  if (threads && *threads >= 0 && *threads <= 1024) return static_cast<int>(*threads);
  throw UsageError("--threads '" + text + "': expected a number from 0 (all cores) on");
}

std::vector<std::string> parse_precision(const std::string& text) {
  if (text == "all") return {};
  if (text == "f32" || text == "bf16") return {text};
  throw UsageError("--precision '" + text + "': expected f32, bf16 or all");
}

std::string parse_device(const std::string& text) {
  if (text == "cpu" || text == "cuda" || text.starts_with("cuda:")) return text;
  throw UsageError("--device '" + text + "': expected cpu, cuda or cuda:N");
}

void refuse_what_contradicts(const BenchOptions& options) {
  if (options.clock == Clock::processor && options.threads != 1) {
    throw UsageError("--clock processor adds up all threads; take --threads 1 with it");
  }
  if (options.scaling && options.threads == 1) {
    throw UsageError("--scaling compares with one thread; take more --threads than 1 with it");
  }
  if (options.device != "cpu" && (options.scaling || options.clock == Clock::processor)) {
    throw UsageError("--scaling and --clock processor are for --device cpu");
  }
}

}  // namespace

const char* const kBenchUsage =
    "usage: dnabird_bench [--device cpu|cuda[:N]] [--precision f32|bf16|all] [--threads N]\n"
    "                     [--clock wall|processor] [--filter TEXT] [--scaling] [--lists]\n"
    "Prints what the machine can do at most (matrix products, products of tiles in the first\n"
    "cache, memory), then checks each kernel against the reference and times it, then times\n"
    "layers, forward passes and training steps of whole models. Exit code 1 if a check fails.\n"
    "--precision all is the default on the CPU; on a GPU bf16 is. A GPU gets eight times the\n"
    "sequences, and waits only now and then: its times are medians, those of the CPU the least.\n"
    "--lists prints the lists of blocks of the sparse cases at 4,096 tokens: head, row, keys.\n"
    "--scaling times each model on one thread too, and prints how many times as fast all are.\n"
    "Beside other work take --threads 1 --clock processor.\n"
    "TEXT is part of \"name shape\", e.g. \"attention forward\" or \"forward small\"; cases that\n"
    "take minutes run only if a filter names them, e.g. \"forward base 1 x 65536\".\n";

BenchOptions parse_bench_options(const std::vector<std::string>& arguments) {
  BenchOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--help" || name == "-h") {
      options.help = true;
      continue;
    }
    if (name == "--scaling" || name == "--lists") {
      (name == "--lists" ? options.lists : options.scaling) = true;
      continue;
    }
    const bool known = name == "--device" || name == "--threads" || name == "--clock" ||
                       name == "--precision" || name == "--filter";
    if (!known) throw UsageError("unknown option " + name + "; dnabird_bench --help lists them");
    if (++i == arguments.size()) throw UsageError("option " + name + " needs a value");
    const std::string& value = arguments[i];
    if (name == "--device") options.device = parse_device(value);
    if (name == "--threads") options.threads = parse_threads(value);
    if (name == "--clock") options.clock = parse_clock(value);
    if (name == "--precision") options.precisions = parse_precision(value);
    if (name == "--filter") options.filter = value;
  }
  refuse_what_contradicts(options);
  return options;
}

}  // namespace dnabird::benchmarks
