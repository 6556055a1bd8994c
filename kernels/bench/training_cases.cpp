#include "kernels/bench/cases.h"
#include "kernels/philox.h"

namespace dnabird::kernels::bench {

namespace {

std::vector<std::int32_t> random_ids(std::int64_t n, std::int64_t below) {
  std::vector<std::int32_t> ids(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint64_t word = philox_word(2, 0, i);
    ids[i] = static_cast<std::int32_t>(word * below >> 32);
  }
  return ids;
}

struct Embedding {
  std::int64_t batch, tokens, channels, vocabulary;
};

std::string text(const Embedding& e) {
  return std::to_string(e.batch) + " x " + std::to_string(e.tokens) + " x " +
         std::to_string(e.channels) + ", " + std::to_string(e.vocabulary) + " words";
}

Operation embedding_forward(const Embedding& e) {
  const std::int64_t n = e.batch * e.tokens;
  return {.name = "embedding forward",
          .shape = text(e),
          .traffic = {1.0 * n * e.channels, 1.0 * n * e.channels},
          .floats = {{e.vocabulary * e.channels, Use::input, 1, Holds::parameters},
                     {e.tokens * e.channels, Use::input, 1, Holds::parameters},
                     {e.channels, Use::input, 1, Holds::parameters},
                     {n * e.channels, Use::output}},
          .ints = {random_ids(n, e.vocabulary)},
          .run = [e](const Buffers& b) {
            b.kernels.embedding_forward({e.batch, e.tokens, e.channels, e.vocabulary, b.i[0],
                                         b.f[0], b.f[1], b.f[2], b.f[3]});
          }};
}

Operation embedding_backward(const Embedding& e) {
  const std::int64_t n = e.batch * e.tokens;
  return {.name = "embedding backward",
          .shape = text(e),
          .traffic = {1.0 * n * e.channels},
          .floats = {{n * e.channels, Use::input, 1},
                     {e.vocabulary * e.channels, Use::output, 0, Holds::parameters},
                     {e.tokens * e.channels, Use::output, 0, Holds::parameters},
                     {e.channels, Use::output, 0, Holds::parameters}},
          .ints = {random_ids(n, e.vocabulary),
                   std::vector<std::int32_t>(e.batch, static_cast<std::int32_t>(e.tokens))},
          .run = [e](const Buffers& b) {
            b.kernels.embedding_backward({e.batch, e.tokens, e.channels, e.vocabulary, b.i[0],
                                          b.i[1], b.f[0], b.f[1], b.f[2], b.f[3]});
          }};
}

Operation gather(std::int64_t rows, std::int64_t channels) {
  return {.name = "gather rows",
          .shape = std::to_string(rows) + " x " + std::to_string(channels),
          .traffic = {1.0 * rows * channels, 1.0 * rows * channels},
          .floats = {{2 * rows * channels, Use::input, 1},
                     {rows * channels, Use::output, 0, Holds::parameters}},
          .ints = {random_ids(rows, 2 * rows)},
          .run = [=](const Buffers& b) {
            b.kernels.gather_rows(rows, channels, b.i[0], b.f[0], b.f[1]);
          }};
}

Operation scatter(std::int64_t rows, std::int64_t channels) {
  return {.name = "scatter rows",
          .shape = std::to_string(rows) + " x " + std::to_string(channels),
          .traffic = {2.0 * rows * channels, 1.0 * rows * channels},
          .floats = {{rows * channels, Use::input, 1, Holds::parameters},
                     {2 * rows * channels, Use::output}},
          .ints = {random_ids(rows, 2 * rows)},
          .run = [=](const Buffers& b) {
            b.kernels.scatter_add_rows(rows, channels, b.i[0], b.f[0], b.f[1]);
          }};
}

Operation mean_rows(const Embedding& e) {
  return {.name = "mean of rows",
          .shape = std::to_string(e.batch) + " x " + std::to_string(e.tokens) + " x " +
                   std::to_string(e.channels),
          .traffic = {1.0 * e.batch * e.tokens * e.channels},
          .floats = {{e.batch * e.tokens * e.channels, Use::input, 1},
                     {e.batch * e.channels, Use::output, 0, Holds::parameters}},
          .ints = {std::vector<std::int32_t>(e.batch, 1),
                   std::vector<std::int32_t>(e.batch, static_cast<std::int32_t>(e.tokens))},
          .run = [e](const Buffers& b) {
            b.kernels.mean_rows(e.batch, e.tokens, e.channels, b.i[0], b.i[1], b.f[0], b.f[1]);
          }};
}

Operation cross_entropy(std::int64_t rows, std::int64_t classes) {
  return {
      .name = "cross-entropy, both ways",
      .shape = std::to_string(rows) + " x " + std::to_string(classes),
      .traffic = {3.0 * rows * classes},
      .in_f32 = true,
      .floats = {{rows * classes, Use::input, 5},
                 {rows, Use::output},
                 {rows, Use::output},
                 {rows * classes, Use::output}},
      .ints = {random_ids(rows, classes)},
      .run = [=](const Buffers& b) {
        b.kernels.cross_entropy_forward({rows, classes, b.f[0], b.i[0], nullptr, b.f[1], b.f[2]});
        b.kernels.cross_entropy_backward(
            {rows, classes, 0.5, b.f[0], b.i[0], nullptr, b.f[2], b.f[3]});
      }};
}

using ForwardLoss = void (KernelSet::*)(const ElementLossArgs&);
using BackwardLoss = void (KernelSet::*)(const ElementLossGrad&);

Operation element_loss(const std::string& name, ForwardLoss forward, BackwardLoss backward) {
  constexpr std::int64_t kRows = 1024, kTargets = 919;
  return {.name = name + ", both ways",
          .shape = std::to_string(kRows) + " x " + std::to_string(kTargets),
          .traffic = {6.0 * kRows * kTargets},
          .in_f32 = true,
          .floats = {{kRows * kTargets, Use::input, 5},
                     {kRows * kTargets, Use::input, 1},
                     {kRows * kTargets, Use::output},
                     {kRows * kTargets, Use::output}},
          .run = [=](const Buffers& b) {
            (b.kernels.*forward)({kRows, kTargets, b.f[0], b.f[1], nullptr, b.f[2]});
            (b.kernels.*backward)({kRows, kTargets, 0.5, b.f[0], b.f[1], nullptr, b.f[3]});
          }};
}

Operation adamw(std::int64_t n) {
  return {.name = "AdamW",
          .shape = std::to_string(n),
          .traffic = {7.0 * n},
          .in_f32 = true,
          .floats = {{n, Use::input, 1}, {n, Use::output, 1}, {n, Use::output}, {n, Use::output}},
          .ints = {{0, 0}},  // 0.0: the norm of the gradient
          .run = [=](const Buffers& b) {
            const auto* squares = reinterpret_cast<const double*>(b.i[0]);
            b.kernels.adamw(
                {n, 3, 1e-3, 0.9, 0.999, 1e-8, 0.01, 1.0, squares, b.f[0], b.f[1], b.f[2], b.f[3]});
          }};
}

}  // namespace

std::vector<Case> training_cases(std::int64_t times) {
  std::vector<Case> cases;
  const auto both = [&cases](const Operation& op) { cases.push_back({op, op}); };
  for (const Embedding& e : {Embedding{32, 300, 128, 69}, {1, 4096, 768, 4101}}) {
    const Embedding large{e.batch * times, e.tokens, e.channels, e.vocabulary};
    cases.push_back({embedding_forward(e), embedding_forward(large)});
    cases.push_back({embedding_backward(e), embedding_backward(large)});
    cases.push_back({mean_rows(e), mean_rows(large)});
  }
  cases.push_back({gather(1440, 128), gather(1440 * times, 128)});
  cases.push_back({scatter(1440, 128), scatter(1440 * times, 128)});
  cases.push_back({cross_entropy(1440, 69), cross_entropy(1440 * times, 69)});
  cases.push_back({cross_entropy(640, 4101), cross_entropy(640 * times, 4101)});
  both(element_loss("binary cross-entropy", &KernelSet::binary_cross_entropy_forward,
                    &KernelSet::binary_cross_entropy_backward));
  both(element_loss("squared error", &KernelSet::squared_error_forward,
                    &KernelSet::squared_error_backward));
  both(adamw(850'000));
  cases.push_back({adamw(850'000), adamw(20'000'000)});  // beyond any cache
  return cases;
}

}  // namespace dnabird::kernels::bench
