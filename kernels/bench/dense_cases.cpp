#include <algorithm>

#include "kernels/bench/cases.h"
#include "kernels/bench/limits.h"

namespace dnabird::kernels::bench {

namespace {

struct Layer {
  std::int64_t rows, in, out;
};

std::string text(const Layer& l) {
  return std::to_string(l.rows) + " x " + std::to_string(l.in) + " -> " + std::to_string(l.out);
}

Operation linear_forward(const Layer& l) {
  return {.name = "linear forward",
          .shape = text(l),
          .bound = Bound::product,
          .flops = 2.0 * l.rows * l.in * l.out,
          .floats = {{l.rows * l.in, Use::input, 1},
                     {l.out * l.in, Use::input, 0.1, Holds::parameters},
                     {l.out, Use::input, 1, Holds::parameters},
                     {l.rows * l.out, Use::output}},
          .run = [l](const Buffers& b) {
            b.kernels.linear_forward({l.rows, l.in, l.out, b.f[0], b.f[1], b.f[2], b.f[3]});
          }};
}

Operation linear_backward(const Layer& l) {
  return {.name = "linear backward",
          .shape = text(l),
          .bound = Bound::product,
          .flops = 4.0 * l.rows * l.in * l.out,
          .floats = {{l.rows * l.in, Use::input, 1},
                     {l.out * l.in, Use::input, 0.1, Holds::parameters},
                     {l.rows * l.out, Use::input, 1},
                     {l.rows * l.in, Use::output},
                     {l.out * l.in, Use::output, 0, Holds::parameters},
                     {l.out, Use::output, 0, Holds::parameters}},
          .run = [l](const Buffers& b) {
            b.kernels.linear_backward(
                {l.rows, l.in, l.out, b.f[0], b.f[1], b.f[2], b.f[3], b.f[4], b.f[5]});
          }};
}

Operation layer_norm_forward(std::int64_t rows, std::int64_t channels) {
  return {.name = "layer norm forward",
          .shape = std::to_string(rows) + " x " + std::to_string(channels),
          .traffic = {2.0 * rows * channels},
          .floats = {{rows * channels, Use::input, 2},
                     {channels, Use::input, 1, Holds::parameters},
                     {channels, Use::input, 1, Holds::parameters},
                     {rows * channels, Use::output},
                     {rows, Use::output, 0, Holds::parameters},
                     {rows, Use::output, 0, Holds::parameters}},
          .run = [=](const Buffers& b) {
            b.kernels.layer_norm_forward(
                {rows, channels, 1e-12, b.f[0], b.f[1], b.f[2], b.f[3], b.f[4], b.f[5]});
          }};
}

Operation layer_norm_backward(std::int64_t rows, std::int64_t channels) {
  return {.name = "layer norm backward",
          .shape = std::to_string(rows) + " x " + std::to_string(channels),
          .traffic = {3.0 * rows * channels},
          .floats = {{rows * channels, Use::input, 2},
                     {channels, Use::input, 1, Holds::parameters},
                     {rows, Use::saved, 0, Holds::parameters},
                     {rows, Use::saved, 0, Holds::parameters},
                     {rows * channels, Use::input, 1},
                     {rows * channels, Use::output},
                     {channels, Use::output, 0, Holds::parameters},
                     {channels, Use::output, 0, Holds::parameters}},
          .run =
              [=](const Buffers& b) {
                b.kernels.layer_norm_backward({rows, channels, b.f[0], b.f[1], b.f[2], b.f[3],
                                               b.f[4], b.f[5], b.f[6], b.f[7]});
              },
          .prepare = [=](const Buffers& b) {  // the array of dx takes y for now
            b.kernels.layer_norm_forward(
                {rows, channels, 1e-12, b.f[0], b.f[1], b.f[1], b.f[5], b.f[2], b.f[3]});
          }};
}

constexpr DropoutDraws kDraws{0.1, 7, 3};

/// Of drop(x) + residual, which is kept, as a layer of a training step has it.
Operation dropped_norm_forward(std::int64_t rows, std::int64_t channels) {
  return {.name = "dropout, residual, layer norm forward",
          .shape = std::to_string(rows) + " x " + std::to_string(channels),
          .traffic = {4.0 * rows * channels},
          .floats = {{rows * channels, Use::input, 2},
                     {channels, Use::input, 1, Holds::parameters},
                     {channels, Use::input, 1, Holds::parameters},
                     {rows * channels, Use::output},
                     {rows, Use::output, 0, Holds::parameters},
                     {rows, Use::output, 0, Holds::parameters},
                     {rows * channels, Use::input, 1},
                     {rows * channels, Use::output}},
          .run = [=](const Buffers& b) {
            b.kernels.layer_norm_forward({rows, channels, 1e-12, b.f[0], b.f[1], b.f[2], b.f[3],
                                          b.f[4], b.f[5], b.f[6], b.f[7], kDraws});
          }};
}

/// Both gradients: the residual's, and that of x behind dropout.
Operation dropped_norm_backward(std::int64_t rows, std::int64_t channels) {
  Operation op = layer_norm_backward(rows, channels);
  op.name = "dropout, residual, layer norm backward";
  op.traffic = {4.0 * rows * channels};
  op.floats.push_back({rows * channels, Use::output});
  op.run = [=](const Buffers& b) {
    b.kernels.layer_norm_backward({rows, channels, b.f[0], b.f[1], b.f[2], b.f[3], b.f[4], b.f[5],
                                   b.f[6], b.f[7], b.f[8], kDraws});
  };
  return op;
}

Operation gelu_forward(Gelu kind, std::int64_t n) {
  return {.name = kind == Gelu::tanh ? "gelu forward (tanh)" : "gelu forward (erf)",
          .shape = std::to_string(n),
          .traffic = {2.0 * n},
          .floats = {{n, Use::input, 6}, {n, Use::output}},
          .run = [=](const Buffers& b) { b.kernels.gelu_forward(kind, n, b.f[0], b.f[1]); }};
}

Operation gelu_backward(Gelu kind, std::int64_t n) {
  return {
      .name = kind == Gelu::tanh ? "gelu backward (tanh)" : "gelu backward (erf)",
      .shape = std::to_string(n),
      .traffic = {3.0 * n},
      .floats = {{n, Use::input, 6}, {n, Use::input, 1}, {n, Use::output}},
      .run = [=](const Buffers& b) { b.kernels.gelu_backward(kind, n, b.f[0], b.f[1], b.f[2]); }};
}

Operation dropout(std::int64_t n) {
  return {.name = "dropout",
          .shape = std::to_string(n),
          .traffic = {2.0 * n},
          .floats = {{n, Use::input, 1}, {n, Use::output}},
          .run = [=](const Buffers& b) {
            b.kernels.dropout_forward({n, kDraws, b.f[0], b.f[1]});
          }};
}

Operation add(std::int64_t n) {
  return {.name = "add",
          .shape = std::to_string(n),
          .traffic = {3.0 * n},
          .floats = {{n, Use::input, 1}, {n, Use::input, 1}, {n, Use::output}},
          .run = [=](const Buffers& b) { b.kernels.add(n, b.f[0], b.f[1], b.f[2]); }};
}

}  // namespace

Operation matrix_product(const KernelSet& kernels) {
  if (is_asynchronous(kernels)) return linear_forward({8192, 8192, 8192});
  return linear_forward({1536, 1536, 1536});
}

Operation large_addition() { return add(std::int64_t{1} << 26); }

std::vector<Case> dense_cases(std::int64_t times) {
  std::vector<Case> cases;
  for (const Layer& l : {Layer{9600, 128, 128},
                         {9600, 128, 384},
                         {9600, 128, 512},
                         {9600, 512, 128},
                         {4096, 768, 768},
                         {4096, 768, 3072},
                         {4096, 3072, 768},
                         {64, 128, 512}}) {
    const Layer small{l.rows / 16, l.in, l.out}, large{l.rows * times, l.in, l.out};
    cases.push_back({linear_forward(small), linear_forward(large)});
    cases.push_back({linear_backward(small), linear_backward(large)});
  }
  // The last of each size does not fit a cache: what training reads and writes.
  for (const auto& [rows, channels] :
       {std::pair{9600 * times, 128}, {4096 * times, 768}, {std::int64_t{65536}, 768}}) {
    const std::int64_t few = std::min<std::int64_t>(rows, 4096);
    cases.push_back({layer_norm_forward(few, channels), layer_norm_forward(rows, channels)});
    cases.push_back({layer_norm_backward(few, channels), layer_norm_backward(rows, channels)});
    cases.push_back({dropped_norm_forward(few, channels), dropped_norm_forward(rows, channels)});
    cases.push_back({dropped_norm_backward(few, channels), dropped_norm_backward(rows, channels)});
  }
  for (const std::int64_t n :
       {9600 * 512 * times, 4096 * 3072 * times, std::int64_t{16384 * 3072}}) {
    const std::int64_t small = std::min<std::int64_t>(n / 64, 16384 * 48);
    for (const Gelu kind : {Gelu::tanh, Gelu::erf}) {
      cases.push_back({gelu_forward(kind, small), gelu_forward(kind, n)});
      cases.push_back({gelu_backward(kind, small), gelu_backward(kind, n)});
    }
  }
  for (const std::int64_t n : {9600 * 128 * times, 4096 * 768 * times, std::int64_t{65536 * 768}}) {
    const std::int64_t small = std::min<std::int64_t>(n, 4096 * 768);
    cases.push_back({dropout(small), dropout(n)});
    cases.push_back({add(small), add(n)});
  }
  return cases;
}

}  // namespace dnabird::kernels::bench
