// One call of one op on given inputs, in a form that all tests of kernels share: against finite
// differences, against the reference, with other thread counts, row by row.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "kernels/kernel_set.h"
#include "support/kernel_workspace.h"
#include "support/random_values.h"

namespace dnabird::test {

struct Op;

/// How the backward of an op is called.
struct GradientRequest {
  double start = 0.0;                   // what accumulating gradients hold before the call
  std::set<std::string> unwanted = {};  // gradients whose pointer is null
  std::int64_t offset = 0;              // see Workspace
};

struct Op {
  std::string name;       // what is special about this call: shapes, options
  std::int64_t rows = 1;  // rows (or sequences) of the arrays in `by_row`
  Arrays inputs = {};     // "dy" is the gradient of the output `y`
  Indices indices = {};
  std::set<std::string> by_row = {};        // inputs, indices, outputs whose first axis is `rows`
  std::set<std::string> accumulating = {};  // gradients of parameters: added to, not overwritten

  /// Outputs by name; the differentiated one is "y".
  std::function<Arrays(kernels::KernelSet&, const Op&, std::int64_t offset)> forward = {};
  /// Gradients under the names of the inputs; `saved` is what forward gave.
  std::function<Arrays(kernels::KernelSet&, const Op&, const Arrays& saved, const GradientRequest&)>
      backward = {};

  std::int64_t size(const std::string& input) const {
    return static_cast<std::int64_t>(inputs.at(input).size());
  }
};

/// The ops of one kernel (or pair of kernels) that are tested together. They are made when asked
/// for: every test runs in a process of its own, which should not pay for the others' inputs.
struct OpFamily {
  std::string name;
  std::function<std::vector<Op>()> ops;
};
inline void PrintTo(const OpFamily& family, std::ostream* out) { *out << family.name; }

/// Where a gradient goes: null if unwanted, the start value if accumulated, else NaN.
inline void* gradient_out(Workspace& workspace, const Op& op, const std::string& name,
                          const GradientRequest& request) {
  if (request.unwanted.contains(name)) return nullptr;
  if (!op.accumulating.contains(name)) return workspace.out(name, op.size(name));
  return workspace.parameter_inout(name,
                                   std::vector<double>(op.inputs.at(name).size(), request.start));
}

/// Rows [first, first + count) of an array of `op`.
template <class Value>
std::vector<Value> rows_of(const std::vector<Value>& values, const Op& op, std::int64_t first,
                           std::int64_t count) {
  const std::int64_t width = static_cast<std::int64_t>(values.size()) / op.rows;
  return {values.begin() + first * width, values.begin() + (first + count) * width};
}

/// The op on some of its rows.
inline Op row_slice(const Op& op, std::int64_t first, std::int64_t count) {
  Op part = op;
  part.rows = count;
  for (const std::string& name : op.by_row) {
    if (op.inputs.contains(name)) {
      part.inputs[name] = rows_of(op.inputs.at(name), op, first, count);
    }
    if (op.indices.contains(name)) {
      part.indices[name] = rows_of(op.indices.at(name), op, first, count);
    }
  }
  return part;
}

}  // namespace dnabird::test
