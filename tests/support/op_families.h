// Which calls of each op the tests of kernels make: small ones for finite differences, odd and
// realistic ones for devices.
#pragma once

#include <vector>

#include "support/attention_op_calls.h"
#include "support/dense_op_calls.h"
#include "support/loss_op_calls.h"

namespace dnabird::test {

using kernels::Gelu;
using Ops = std::vector<Op>;

/// Small calls of every op that has a backward: a few hundred values each.
inline std::vector<OpFamily> gradient_families() {
  return {
      {"embedding",
       [] {
         return Ops{embedding_op({1, 4, 3, 5}), embedding_op({3, 5, 4, 6})};
       }},
      {"layer_norm",
       [] {
         return Ops{layer_norm_op(1, 5), layer_norm_op(7, 12), residual_norm_op(4, 6),
                    dropped_norm_op(4, 6, 0.3), dropped_norm_op(3, 5, 0.3)};
       }},
      {"linear",
       [] {
         return Ops{linear_op(1, 3, 4, Bias::with), linear_op(5, 4, 7, Bias::with),
                    linear_op(6, 9, 2, Bias::without)};
       }},
      {"gelu_tanh", [] { return Ops{gelu_op(Gelu::tanh, 41)}; }},
      {"gelu_erf", [] { return Ops{gelu_op(Gelu::erf, 41)}; }},
      {"dropout",
       [] {
         return Ops{dropout_op(50, 0.3), dropout_op(9, 0.0)};
       }},
      {"gather_and_scatter",
       [] {
         return Ops{gather_op(9, 3, 4), gather_op(1, 5, 2)};
       }},
      {"block_attention",
       [] {
         return Ops{attention_op({2, 7, 2, 3}, 4, Lists::dense, {7, 5}),
                    attention_op({3, 11, 2, 3}, 4, Lists::shared, {11, 0, 6}),
                    attention_op({2, 11, 2, 3}, 3, Lists::per_head, {11, 4}),
                    attention_op({1, 1, 1, 2}, 4, Lists::dense, {1})};
       }},
      {"cross_entropy",
       [] {
         return Ops{cross_entropy_op(9, 5, Weights::none), cross_entropy_op(9, 5, Weights::some)};
       }},
      {"binary_cross_entropy",
       [] {
         return Ops{element_loss_op(kBinaryCrossEntropy, 9, 3, Weights::none),
                    element_loss_op(kBinaryCrossEntropy, 9, 3, Weights::some)};
       }},
      {"squared_error",
       [] {
         return Ops{element_loss_op(kSquaredError, 9, 3, Weights::none),
                    element_loss_op(kSquaredError, 9, 3, Weights::some)};
       }},
  };
}

/// Every block size, head size, kind of list; partial last blocks; lengths of 0 and within a block.
inline Ops device_attention_ops() {
  return {attention_op({2, 40, 2, 16}, 16, Lists::dense, {40, 17}),
          attention_op({3, 101, 3, 16}, 16, Lists::per_head, {101, 0, 50}),
          attention_op({2, 75, 2, 32}, 16, Lists::shared, {64, 75}),
          attention_op({2, 130, 2, 64}, 32, Lists::shared, {129, 31}),
          attention_op({1, 160, 1, 128}, 32, Lists::per_head, {160}),
          attention_op({2, 150, 2, 64}, 64, Lists::per_head, {150, 100}),
          attention_op({1, 200, 2, 32}, 64, Lists::dense, {193}),
          attention_op({2, 7, 2, 24}, 16, Lists::dense, {7, 3}),
          attention_op({1, 1, 1, 16}, 16, Lists::dense, {1}),
          attention_op({0, 20, 2, 16}, 16, Lists::dense, {})};
}

inline Ops device_linear_ops() {
  return {linear_op(1, 128, 128, Bias::with),
          linear_op(1, 13, 3, Bias::with),
          linear_op(37, 100, 69, Bias::with),
          linear_op(70, 128, 384, Bias::with),
          linear_op(33, 512, 128, Bias::with),
          linear_op(129, 64, 1, Bias::with),
          linear_op(5, 1000, 7, Bias::without),
          linear_op(40, 32, 64, Bias::without),
          linear_op(301, 128, 512, Bias::with),
          linear_op(150, 300, 270, Bias::with),
          linear_op(0, 16, 8, Bias::with),
          linear_add_op(70, 128, 384),
          linear_add_op(37, 13, 3),
          linear_through_gelu_op(Gelu::tanh, 301, 512, 128),
          linear_through_gelu_op(Gelu::erf, 37, 100, 69),
          linear_through_gelu_op(Gelu::tanh, 1, 13, 3)};
}

/// Odd and realistic shapes of every op with a backward: one row, no row, channels that fill no
/// vector, inner axes longer and shorter than the outer ones.
inline std::vector<OpFamily> device_families_with_backward() {
  return {
      {"embedding",
       [] {
         return Ops{embedding_op({1, 1, 3, 5}), embedding_op({3, 37, 100, 69}),
                    embedding_op({4, 64, 128, 69}), embedding_op({0, 4, 8, 5})};
       }},
      {"layer_norm",
       [] {
         return Ops{layer_norm_op(1, 128),          layer_norm_op(1, 3),
                    layer_norm_op(37, 100),         layer_norm_op(301, 768),
                    layer_norm_op(0, 64),           residual_norm_op(1, 3),
                    residual_norm_op(37, 100),      residual_norm_op(130, 768),
                    dropped_norm_op(0, 64, 0.1),    dropped_norm_op(1, 3, 0.1),
                    dropped_norm_op(37, 100, 0.3),  dropped_norm_op(19, 77, 0.1),
                    dropped_norm_op(130, 768, 0.1), dropped_norm_op(5, 2048, 0.1),
                    dropped_norm_op(3, 4100, 0.1)};
       }},
      {"linear", device_linear_ops},
      {"gelu_tanh",
       [] {
         return Ops{gelu_op(Gelu::tanh, 1), gelu_op(Gelu::tanh, 5003), gelu_op(Gelu::tanh, 0)};
       }},
      {"gelu_erf",
       [] {
         return Ops{gelu_op(Gelu::erf, 1), gelu_op(Gelu::erf, 5003), gelu_op(Gelu::erf, 0)};
       }},
      {"dropout",
       [] {
         return Ops{dropout_op(1, 0.1), dropout_op(5003, 0.1), dropout_op(4096, 0.5),
                    dropout_op(100, 0.0), dropout_op(0, 0.1)};
       }},
      {"gather_and_scatter",
       [] {
         return Ops{gather_op(1, 128, 9), gather_op(37, 100, 11), gather_op(300, 64, 7),
                    gather_op(0, 8, 3)};
       }},
      {"block_attention", device_attention_ops},
      {"cross_entropy",
       [] {
         return Ops{cross_entropy_op(1, 2, Weights::none), cross_entropy_op(37, 69, Weights::some),
                    cross_entropy_op(40, 4101, Weights::none),
                    cross_entropy_op(0, 5, Weights::some)};
       }},
      {"binary_cross_entropy",
       [] {
         return Ops{element_loss_op(kBinaryCrossEntropy, 1, 1, Weights::none),
                    element_loss_op(kBinaryCrossEntropy, 37, 13, Weights::some),
                    element_loss_op(kBinaryCrossEntropy, 64, 919, Weights::none),
                    element_loss_op(kBinaryCrossEntropy, 0, 3, Weights::some)};
       }},
      {"squared_error",
       [] {
         return Ops{element_loss_op(kSquaredError, 1, 1, Weights::none),
                    element_loss_op(kSquaredError, 37, 13, Weights::some),
                    element_loss_op(kSquaredError, 0, 3, Weights::some)};
       }},
  };
}

/// The ops that have no backward kernel of their own.
inline std::vector<OpFamily> device_families_without_backward() {
  return {
      {"linear_gelu",
       [] {
         return Ops{linear_gelu_op(Gelu::tanh, 301, 128, 512),
                    linear_gelu_op(Gelu::erf, 37, 100, 69), linear_gelu_op(Gelu::tanh, 1, 13, 3),
                    linear_gelu_op(Gelu::erf, 0, 16, 8)};
       }},
      {"add",
       [] {
         return Ops{add_op(1), add_op(5003), add_op(0)};
       }},
      {"mean_rows",
       [] {
         return Ops{mean_rows_op(5, 37, 100), mean_rows_op(2, 64, 128), mean_rows_op(0, 4, 8)};
       }},
      {"adamw",
       [] {
         return Ops{adamw_op(1, 1), adamw_op(5003, 7), adamw_op(0, 1)};
       }},
  };
}

/// Those of the families with a backward that work on activations: losses and the optimizer compute
/// in parameter_dtype().
inline std::vector<OpFamily> families_of_activations() {
  std::vector<OpFamily> families = device_families_with_backward();
  std::erase_if(families, [](const OpFamily& family) {
    return family.name.ends_with("entropy") || family.name == "squared_error";
  });
  return families;
}

}  // namespace dnabird::test
