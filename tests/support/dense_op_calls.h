// Calls of the ops on dense rows, with random inputs, for the tests of kernels.
#pragma once

#include <algorithm>
#include <limits>
#include <string>

#include "support/kernel_op.h"

namespace dnabird::test {

using kernels::KernelSet;

inline std::string shape_name(std::initializer_list<std::int64_t> sizes) {
  std::string name;
  for (const std::int64_t size : sizes) {
    if (!name.empty()) name += 'x';
    name += std::to_string(size);
  }
  return name;
}

struct EmbeddingShape {
  std::int64_t batch, tokens, channels, vocabulary;
};

/// The first sequence has length 0 if there are several, the last one is full; rows beyond the
/// length have NaN gradients, which must not arrive anywhere.
inline Op embedding_op(const EmbeddingShape& s) {
  RandomValues random(11);
  const std::int64_t positions = s.tokens + 3, n = s.batch * s.tokens * s.channels;
  Op op{.name = shape_name({s.batch, s.tokens, s.channels, s.vocabulary}), .rows = s.batch};
  op.inputs = {{"word", random.normals(s.vocabulary * s.channels)},
               {"position", random.normals(positions * s.channels)},
               {"token_type", random.normals(2 * s.channels)},
               {"dy", random.normals(n)}};
  op.indices = {{"ids", random.integers(s.batch * s.tokens, s.vocabulary)},
                {"lengths", random.integers(s.batch, s.tokens + 1)}};
  op.by_row = {"ids", "lengths", "dy", "y"};
  op.accumulating = {"word", "position", "token_type"};
  auto& lengths = op.indices["lengths"];
  if (s.batch > 1) lengths.front() = 0;
  if (s.batch > 0) lengths.back() = static_cast<std::int32_t>(s.tokens);
  for (std::int64_t b = 0; b < s.batch; ++b) {
    const auto begin = op.inputs["dy"].begin() + b * s.tokens * s.channels;
    std::fill(begin + lengths[static_cast<std::size_t>(b)] * s.channels,
              begin + s.tokens * s.channels, std::numeric_limits<double>::quiet_NaN());
  }
  op.forward = [s](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.embedding_forward({o.rows, s.tokens, s.channels, s.vocabulary, w.ints(o.indices.at("ids")),
                         w.parameter(o.inputs.at("word")), w.parameter(o.inputs.at("position")),
                         w.parameter(o.inputs.at("token_type")),
                         w.out("y", o.rows * s.tokens * s.channels)});
    return w.results();
  };
  op.backward = [s](KernelSet& k, const Op& o, const Arrays&, const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.embedding_backward({o.rows, s.tokens, s.channels, s.vocabulary, w.ints(o.indices.at("ids")),
                          w.ints(o.indices.at("lengths")), w.in(o.inputs.at("dy")),
                          gradient_out(w, o, "word", g), gradient_out(w, o, "position", g),
                          gradient_out(w, o, "token_type", g)});
    return w.results();
  };
  return op;
}

/// Rows differ in mean and spread, as those of a real network do.
inline Op layer_norm_op(std::int64_t rows, std::int64_t channels) {
  RandomValues random(12);
  Op op{.name = shape_name({rows, channels}), .rows = rows};
  op.inputs = {{"x", random.normals(rows * channels)},
               {"gamma", random.normals(channels, 0.3, 1.0)},
               {"beta", random.normals(channels)},
               {"dy", random.normals(rows * channels)}};
  for (std::int64_t r = 0; r < rows; ++r) {
    const double shift = 0.5 * random.normal(), spread = 0.5 + random.uniform();
    for (std::int64_t c = 0; c < channels; ++c) {
      double& x = op.inputs["x"][static_cast<std::size_t>(r * channels + c)];
      x = static_cast<float>(x * spread + shift);
    }
  }
  op.by_row = {"x", "dy", "y", "mean", "rstd"};
  op.accumulating = {"gamma", "beta"};
  op.forward = [channels](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.layer_norm_forward({o.rows, channels, 1e-12, w.in(o.inputs.at("x")),
                          w.parameter(o.inputs.at("gamma")), w.parameter(o.inputs.at("beta")),
                          w.out("y", o.rows * channels), w.parameter_out("mean", o.rows),
                          w.parameter_out("rstd", o.rows)});
    return w.results();
  };
  op.backward = [channels](KernelSet& k, const Op& o, const Arrays& saved,
                           const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.layer_norm_backward({o.rows, channels, w.in(o.inputs.at("x")),
                           w.parameter(o.inputs.at("gamma")), w.parameter(saved.at("mean")),
                           w.parameter(saved.at("rstd")), w.in(o.inputs.at("dy")),
                           gradient_out(w, o, "x", g), gradient_out(w, o, "gamma", g),
                           gradient_out(w, o, "beta", g)});
    return w.results();
  };
  return op;
}

/// Of x + residual. Its backward is that of layer norm at the sum: the gradients of both are one.
inline Op residual_norm_op(std::int64_t rows, std::int64_t channels) {
  RandomValues random(19);
  Op op = layer_norm_op(rows, channels);
  op.name += "_residual";
  op.inputs["residual"] = random.normals(rows * channels);
  op.by_row.insert({"residual", "sum"});
  op.forward = [channels](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    const std::int64_t n = o.rows * channels;
    k.layer_norm_forward(
        {o.rows, channels, 1e-12, w.in(o.inputs.at("x")), w.parameter(o.inputs.at("gamma")),
         w.parameter(o.inputs.at("beta")), w.out("y", n), w.parameter_out("mean", o.rows),
         w.parameter_out("rstd", o.rows), w.in(o.inputs.at("residual")), w.out("sum", n)});
    return w.results();
  };
  op.backward = [channels](KernelSet& k, const Op& o, const Arrays& saved,
                           const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.layer_norm_backward({o.rows, channels, w.in(saved.at("sum")),
                           w.parameter(o.inputs.at("gamma")), w.parameter(saved.at("mean")),
                           w.parameter(saved.at("rstd")), w.in(o.inputs.at("dy")),
                           gradient_out(w, o, "residual", g), gradient_out(w, o, "gamma", g),
                           gradient_out(w, o, "beta", g)});
    return w.results();
  };
  return op;
}

/// Of drop(x) + residual. Which elements are dropped hangs on the row, so that no row stands alone.
inline Op dropped_norm_op(std::int64_t rows, std::int64_t channels, double p) {
  Op op = residual_norm_op(rows, channels);
  op.name += "_p" + std::to_string(p);
  op.by_row.clear();
  const kernels::DropoutDraws draws{p, 0x9876543210ABCDEF, 0x1234567800000003};
  op.forward = [=](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    const std::int64_t n = rows * channels;
    k.layer_norm_forward(
        {rows, channels, 1e-12, w.in(o.inputs.at("x")), w.parameter(o.inputs.at("gamma")),
         w.parameter(o.inputs.at("beta")), w.out("y", n), w.parameter_out("mean", rows),
         w.parameter_out("rstd", rows), w.in(o.inputs.at("residual")), w.out("sum", n), draws});
    return w.results();
  };
  op.backward = [=](KernelSet& k, const Op& o, const Arrays& saved, const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.layer_norm_backward({rows, channels, w.in(saved.at("sum")), w.parameter(o.inputs.at("gamma")),
                           w.parameter(saved.at("mean")), w.parameter(saved.at("rstd")),
                           w.in(o.inputs.at("dy")), gradient_out(w, o, "residual", g),
                           gradient_out(w, o, "gamma", g), gradient_out(w, o, "beta", g),
                           gradient_out(w, o, "x", g), draws});
    return w.results();
  };
  return op;
}

enum class Bias { with, without };

inline Op linear_op(std::int64_t rows, std::int64_t in, std::int64_t out, Bias bias) {
  RandomValues random(13);
  Op op{.name = shape_name({rows, in, out}) + (bias == Bias::with ? "" : "_no_bias"), .rows = rows};
  op.inputs = {{"x", random.normals(rows * in)},
               {"w", random.normals(out * in, 0.2)},
               {"dy", random.normals(rows * out)}};
  if (bias == Bias::with) op.inputs["bias"] = random.normals(out);
  op.by_row = {"x", "dy", "y"};
  op.accumulating = {"w", "bias"};
  op.forward = [in, out](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.linear_forward({o.rows, in, out, w.in(o.inputs.at("x")), w.parameter(o.inputs.at("w")),
                      w.optional_parameter(o.inputs, "bias"), w.out("y", o.rows * out)});
    return w.results();
  };
  op.backward = [in, out](KernelSet& k, const Op& o, const Arrays&, const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.linear_backward({o.rows, in, out, w.in(o.inputs.at("x")), w.parameter(o.inputs.at("w")),
                       w.in(o.inputs.at("dy")), gradient_out(w, o, "x", g),
                       gradient_out(w, o, "w", g),
                       o.inputs.contains("bias") ? gradient_out(w, o, "bias", g) : nullptr});
    return w.results();
  };
  return op;
}

/// gelu(x w^T + bias), and the sum kept: forward only.
inline Op linear_gelu_op(kernels::Gelu kind, std::int64_t rows, std::int64_t in, std::int64_t out) {
  Op op = linear_op(rows, in, out, Bias::with);
  op.name += "_gelu";
  op.by_row = {"x", "y", "before"};
  op.backward = {};
  op.forward = [=](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.linear_forward({o.rows, in, out, w.in(o.inputs.at("x")), w.parameter(o.inputs.at("w")),
                      w.parameter(o.inputs.at("bias")), w.out("y", o.rows * out), kind,
                      w.out("before", o.rows * out)});
    return w.results();
  };
  return op;
}

/// x is what gelu made of the numbers of "before"; "x" of the gradients is that of these.
inline Op linear_through_gelu_op(kernels::Gelu kind, std::int64_t rows, std::int64_t in,
                                 std::int64_t out) {
  Op op = linear_op(rows, in, out, Bias::with);
  op.name += "_through_gelu";
  op.inputs["before"] = RandomValues(20).normals(rows * in);
  op.by_row = {"x", "before", "dy", "y"};
  op.backward = [=](KernelSet& k, const Op& o, const Arrays&, const GradientRequest& g) {
    Workspace w(k, g.offset);
    kernels::LinearGrad args{o.rows,
                             in,
                             out,
                             w.in(o.inputs.at("x")),
                             w.parameter(o.inputs.at("w")),
                             w.in(o.inputs.at("dy")),
                             gradient_out(w, o, "x", g),
                             gradient_out(w, o, "w", g),
                             gradient_out(w, o, "bias", g)};
    args.gelu_of_x = kind;
    args.before_gelu = w.in(o.inputs.at("before"));
    k.linear_backward(args);
    return w.results();
  };
  return op;
}

/// A residual's gradient, the numbers of x here, is added to that of x.
inline Op linear_add_op(std::int64_t rows, std::int64_t in, std::int64_t out) {
  Op op = linear_op(rows, in, out, Bias::with);
  op.name += "_add";
  op.backward = [in, out](KernelSet& k, const Op& o, const Arrays&, const GradientRequest& g) {
    Workspace w(k, g.offset);
    const void* x = w.in(o.inputs.at("x"));
    k.linear_backward({o.rows, in, out, x, w.parameter(o.inputs.at("w")), w.in(o.inputs.at("dy")),
                       gradient_out(w, o, "x", g), gradient_out(w, o, "w", g),
                       gradient_out(w, o, "bias", g), x});
    return w.results();
  };
  return op;
}

inline Op gelu_op(kernels::Gelu kind, std::int64_t n) {
  RandomValues random(14);
  Op op{.name = shape_name({n}), .rows = n};
  op.inputs = {{"x", random.normals(n, 2.0)}, {"dy", random.normals(n)}};
  op.by_row = {"x", "dy", "y"};
  op.forward = [kind](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.gelu_forward(kind, o.rows, w.in(o.inputs.at("x")), w.out("y", o.rows));
    return w.results();
  };
  op.backward = [kind](KernelSet& k, const Op& o, const Arrays&, const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.gelu_backward(kind, o.rows, w.in(o.inputs.at("x")), w.in(o.inputs.at("dy")),
                    gradient_out(w, o, "x", g));
    return w.results();
  };
  return op;
}

inline Op dropout_op(std::int64_t n, double p) {
  RandomValues random(15);
  constexpr std::uint64_t kSeed = 0x9876543210ABCDEF, kStream = 0x1234567800000003;
  Op op{.name = shape_name({n}) + "_p" + std::to_string(p)};
  op.inputs = {{"x", random.normals(n)}, {"dy", random.normals(n)}};
  op.forward = [n, p](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.dropout_forward({n, {p, kSeed, kStream}, w.in(o.inputs.at("x")), w.out("y", n)});
    return w.results();
  };
  op.backward = [n, p](KernelSet& k, const Op& o, const Arrays&, const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.dropout_backward(
        {n, {p, kSeed, kStream}, w.in(o.inputs.at("dy")), gradient_out(w, o, "x", g)});
    return w.results();
  };
  return op;
}

inline Op add_op(std::int64_t n) {
  RandomValues random(16);
  Op op{.name = shape_name({n}), .rows = n};
  op.inputs = {{"a", random.normals(n)}, {"b", random.normals(n)}};
  op.by_row = {"a", "b", "y"};
  op.forward = [](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.add(o.rows, w.in(o.inputs.at("a")), w.in(o.inputs.at("b")), w.out("y", o.rows));
    return w.results();
  };
  return op;
}

/// Rows picked with repetition, so that their gradients meet in one row.
inline Op gather_op(std::int64_t rows, std::int64_t channels, std::int64_t source_rows) {
  RandomValues random(17);
  Op op{.name = shape_name({rows, channels, source_rows}), .rows = rows};
  op.inputs = {{"x", random.normals(source_rows * channels)},
               {"dy", random.normals(rows * channels)}};
  op.indices = {{"index", random.integers(rows, source_rows)}};
  op.by_row = {"index", "dy", "y"};
  op.accumulating = {"x"};
  op.forward = [channels](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.gather_rows(o.rows, channels, w.ints(o.indices.at("index")), w.in(o.inputs.at("x")),
                  w.parameter_out("y", o.rows * channels));
    return w.results();
  };
  op.backward = [channels](KernelSet& k, const Op& o, const Arrays&, const GradientRequest& g) {
    Workspace w(k, g.offset);
    k.scatter_add_rows(o.rows, channels, w.ints(o.indices.at("index")),
                       w.parameter(o.inputs.at("dy")),
                       w.inout("x", std::vector<double>(o.inputs.at("x").size(), g.start)));
    return w.results();
  };
  return op;
}

/// Ranges anywhere in the sequence; that of the first sequence is empty.
inline Op mean_rows_op(std::int64_t batch, std::int64_t tokens, std::int64_t channels) {
  RandomValues random(18);
  Op op{.name = shape_name({batch, tokens, channels}), .rows = batch};
  op.inputs = {{"x", random.normals(batch * tokens * channels)}};
  op.indices = {{"begin", {}}, {"end", {}}};
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int32_t begin = random.below(tokens), end = 1 + random.below(tokens);
    op.indices["begin"].push_back(std::min(begin, end));
    op.indices["end"].push_back(b == 0 ? std::min(begin, end) : std::max(begin, end));
  }
  op.by_row = {"x", "begin", "end", "y"};
  op.forward = [tokens, channels](KernelSet& k, const Op& o, std::int64_t offset) {
    Workspace w(k, offset);
    k.mean_rows(o.rows, tokens, channels, w.ints(o.indices.at("begin")),
                w.ints(o.indices.at("end")), w.in(o.inputs.at("x")),
                w.parameter_out("y", o.rows * channels));
    return w.results();
  };
  return op;
}

}  // namespace dnabird::test
