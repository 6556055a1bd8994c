// Calls of the losses and of the optimizer, with random inputs, for the tests of kernels.
#pragma once

#include <cmath>
#include <limits>

#include "support/dense_op_calls.h"

namespace dnabird::test {

enum class Weights { none, some };

/// d(total)/d(losses[r]) is `kLossScale` for every row; "dy" holds it, so that the total is dy.y.
inline constexpr double kLossScale = 0.125;

/// About one label in four is ignored (-1 or -100).
inline Op cross_entropy_op(std::int64_t rows, std::int64_t classes, Weights weights) {
  RandomValues random(21);
  Op op{.name = shape_name({rows, classes}) + (weights == Weights::some ? "_weighted" : ""),
        .rows = rows};
  op.inputs = {{"logits", random.normals(rows * classes, 2.0)},
               {"dy", std::vector<double>(static_cast<std::size_t>(rows), kLossScale)}};
  op.indices = {{"labels", random.integers(rows, classes)}};
  for (std::int32_t& label : op.indices["labels"]) {
    if (random.below(4) == 0) label = random.below(2) == 0 ? -1 : -100;
  }
  if (weights == Weights::some) {
    op.inputs["weights"] = random.normals(classes);
    for (double& w : op.inputs["weights"]) w = std::abs(w);
  }
  op.by_row = {"logits", "labels", "dy", "y", "log_sum_exp"};
  op.forward = [classes](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.cross_entropy_forward({o.rows, classes, w.in(o.inputs.at("logits")),
                             w.ints(o.indices.at("labels")),
                             w.optional_parameter(o.inputs, "weights"), w.out("y", o.rows),
                             w.out("log_sum_exp", o.rows)});
    return w.results();
  };
  op.backward = [classes](KernelSet& k, const Op& o, const Arrays& saved,
                          const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.cross_entropy_backward(
        {o.rows, classes, kLossScale, w.in(o.inputs.at("logits")), w.ints(o.indices.at("labels")),
         w.optional_parameter(o.inputs, "weights"), w.parameter(saved.at("log_sum_exp")),
         gradient_out(w, o, "logits", g)});
    return w.results();
  };
  return op;
}

/// The two losses against a target per element.
struct ElementLoss {
  void (KernelSet::*forward)(const kernels::ElementLossArgs&);
  void (KernelSet::*backward)(const kernels::ElementLossGrad&);
};
inline constexpr ElementLoss kBinaryCrossEntropy{&KernelSet::binary_cross_entropy_forward,
                                                 &KernelSet::binary_cross_entropy_backward};
inline constexpr ElementLoss kSquaredError{&KernelSet::squared_error_forward,
                                           &KernelSet::squared_error_backward};

/// Truths lie in [0, 1] with both ends among them; about one in five is missing (NaN).
inline Op element_loss_op(ElementLoss loss, std::int64_t rows, std::int64_t targets,
                          Weights weights) {
  RandomValues random(22);
  const std::int64_t n = rows * targets;
  Op op{.name = shape_name({rows, targets}) + (weights == Weights::some ? "_weighted" : ""),
        .rows = rows};
  op.inputs = {{"x", random.normals(n, 3.0)},
               {"truth", random.normals(n)},
               {"dy", std::vector<double>(static_cast<std::size_t>(n), kLossScale)}};
  for (double& y : op.inputs["truth"]) {
    const std::int32_t kind = random.below(5);
    y = kind == 0 ? std::numeric_limits<double>::quiet_NaN() : kind == 1 ? 0.25 : kind % 2;
  }
  if (weights == Weights::some) {
    op.inputs["weights"] = random.normals(targets);
    for (double& w : op.inputs["weights"]) w = 0.5 + std::abs(w);
  }
  op.by_row = {"x", "truth", "dy", "y"};
  op.forward = [loss, targets](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    (k.*loss.forward)({o.rows, targets, w.in(o.inputs.at("x")), w.in(o.inputs.at("truth")),
                       w.optional_parameter(o.inputs, "weights"), w.out("y", o.rows * targets)});
    return w.results();
  };
  op.backward = [loss, targets](KernelSet& k, const Op& o, const Arrays&,
                                const GradientRequest& g) {
    Workspace w(k, g.offset);
    (k.*loss.backward)({o.rows, targets, kLossScale, w.in(o.inputs.at("x")),
                        w.in(o.inputs.at("truth")), w.optional_parameter(o.inputs, "weights"),
                        gradient_out(w, o, "x", g)});
    return w.results();
  };
  return op;
}

/// One update in the middle of a run: the moments are not 0. The rate is large, so that a wrong
/// update can't hide behind the old value.
inline Op adamw_op(std::int64_t n, std::int64_t step) {
  RandomValues random(23);
  Op op{.name = shape_name({n}) + "_step" + std::to_string(step), .rows = n};
  op.inputs = {{"gradient", random.normals(n)},
               {"value", random.normals(n)},
               {"m", random.normals(n, 0.1)},
               {"v", random.normals(n, 0.1)}};
  for (double& v : op.inputs["v"]) v = std::abs(v);
  op.by_row = {"gradient", "value", "m", "v"};
  op.forward = [step](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.adamw({o.rows, step, 0.5, 0.9, 0.98, 1e-6, 0.1, 0.7, w.numbers({1.0}),
             w.in(o.inputs.at("gradient")), w.inout("value", o.inputs.at("value")),
             w.inout("m", o.inputs.at("m")), w.inout("v", o.inputs.at("v"))});
    return w.results();
  };
  return op;
}

}  // namespace dnabird::test
