// dnabird_time_encoder: time of the encoder per token, from 1,024 to 16,384 tokens, which
// docs/performance.md reports. Random weights, blocks of 64, three random blocks per row; each
// length is run over 16,384 tokens in all.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>

#include "core/device.h"
#include "core/rng.h"
#include "model/model.h"

namespace dnabird {

namespace {

constexpr std::int64_t kTokens = 16384;
constexpr int kVocabulary = 4101;

struct Seconds {
  double wall, processor;
};

Seconds now() {
  timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          static_cast<double>(cpu.tv_sec) + 1e-9 * static_cast<double>(cpu.tv_nsec)};
}

/// kTokens random tokens in sequences of `length`.
model::TokenBatch random_batch(core::KernelSet& kernels, std::int64_t length,
                               std::int64_t block_size) {
  core::Rng rng(1, 2);
  std::vector<std::vector<std::int32_t>> sequences(kTokens / length);
  for (auto& sequence : sequences) {
    for (std::int64_t t = 0; t < length; ++t) {
      sequence.push_back(static_cast<std::int32_t>(5 + rng.below(kVocabulary - 5)));
    }
  }
  return model::make_token_batch(kernels, sequences, block_size);
}

/// The fastest of `runs` passes, after one that draws patterns and takes memory.
Seconds fastest(const model::Model& model, const model::TokenBatch& batch, int runs) {
  model.encode(batch);
  Seconds best{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (int run = 0; run < runs; ++run) {
    const Seconds start = now();
    model.encode(batch);
    model.kernels().synchronize();
    const Seconds end = now();
    best.wall = std::min(best.wall, end.wall - start.wall);
    best.processor = std::min(best.processor, end.processor - start.processor);
  }
  return best;
}

void time_model(core::KernelSet& kernels, std::int64_t layers, std::int64_t channels, int runs) {
  model::ModelConfig config;
  config.vocabulary = kVocabulary;
  config.layers = layers;
  config.channels = channels;
  config.heads = channels / 32;
  config.feed_forward = 4 * channels;
  config.positions = kTokens;
  config.masked_lm = false;
  model::Model model(kernels, config);
  model.initialize(1);
  std::printf("%lld layers x %lld channels, blocks of %lld, %lld random blocks\n",
              static_cast<long long>(layers), static_cast<long long>(channels),
              static_cast<long long>(config.block_size),
              static_cast<long long>(config.random_blocks));
  Seconds least{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  Seconds most{0, 0};
  for (std::int64_t length = 1024; length <= kTokens; length *= 2) {
    const Seconds time = fastest(model, random_batch(kernels, length, config.block_size), runs);
    std::printf("%8lld tokens %9.3f us per token, %9.3f us of processor time\n",
                static_cast<long long>(length), 1e6 * time.wall / kTokens,
                1e6 * time.processor / kTokens);
    std::fflush(stdout);
    least = {std::min(least.wall, time.wall), std::min(least.processor, time.processor)};
    most = {std::max(most.wall, time.wall), std::max(most.processor, time.processor)};
  }
  std::printf("   largest / smallest: %.2f, of processor time %.2f\n\n", most.wall / least.wall,
              most.processor / least.processor);
}

int run(int argc, char** argv) {
  int threads = 0, runs = 3;
  for (int i = 1; i < argc; i += 2) {
    char* end = nullptr;
    const long value = i + 1 < argc ? std::strtol(argv[i + 1], &end, 10) : -1;
    if (end != nullptr && *end == '\0' && value >= 0 && std::strcmp(argv[i], "--threads") == 0) {
      threads = static_cast<int>(value);
    } else if (end != nullptr && *end == '\0' && value >= 1 &&
               std::strcmp(argv[i], "--runs") == 0) {
      runs = static_cast<int>(value);
    } else {
      std::fprintf(stderr,
                   "usage: dnabird_time_encoder [--threads N] [--runs N]\n"
                   "Prints the time per token of two encoders at five lengths. Beside other work "
                   "take --threads 1 and read the processor time.\n");
      return 2;
    }
  }
  const auto kernels = core::open_device("cpu", "f32", threads);
  std::printf("%s\n\n", kernels->description().c_str());
  time_model(*kernels, 4, 128, runs);
  time_model(*kernels, 6, 256, runs);
  return 0;
}

}  // namespace

}  // namespace dnabird

int main(int argc, char** argv) {
  try {
    return dnabird::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dnabird_time_encoder: %s\n", error.what());
    return 1;
  }
}
