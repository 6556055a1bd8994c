// Every op refuses what does not fit before a kernel sees it, and names itself and the shapes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "core/device.h"
#include "ops/add.h"
#include "ops/block_attention.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/losses.h"
#include "ops/rows.h"
#include "ops/tanh.h"

namespace dnabird::ops {
namespace {

using core::Shape;
using core::Tensor;

class OpShapes : public ::testing::Test {
 protected:
  Tensor x(const Shape& shape) { return Tensor::zeros(*kernels_, shape); }
  Tensor ints(const Shape& shape) {
    Tensor tensor = Tensor::empty(*kernels_, shape, core::DType::i32);
    tensor.zero();
    return tensor;
  }

  /// `call` is a bug of its caller, told in one line that holds all parts.
  void expect_refused(const std::function<void()>& call, const std::vector<std::string>& parts) {
    try {
      call();
      ADD_FAILURE() << "not refused: " << ::testing::PrintToString(parts);
    } catch (const std::logic_error& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with("bug: ")) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      for (const std::string& part : parts) EXPECT_THAT(message, ::testing::HasSubstr(part));
    }
  }

  std::unique_ptr<core::KernelSet> kernels_ = core::open_reference();
};

TEST_F(OpShapes, Add) {
  Tensor y = x({2, 3}), none;
  expect_refused([&] { add_to(y, x({2, 2})); }, {"add", "y (2,3)", "x (2,2)"});
  expect_refused([&] { add_to(none, none); }, {"add"});
  expect_refused([&] { add_to(y, ints({2, 3})); }, {"add", "x (2,3)", "i32", "f64"});
  EXPECT_NO_THROW(add_to(y, x({3, 2})));
}

TEST_F(OpShapes, Gelu) {
  const auto kind = kernels::Gelu::erf;
  expect_refused([&] { gelu_forward(kind, {}); }, {"gelu", "x"});
  expect_refused([&] { gelu_forward(kind, ints({4})); }, {"gelu", "x (4)", "i32"});
  expect_refused([&] { gelu_backward(kind, x({4}), x({5})); },
                 {"gelu backward", "x (4)", "dy (5)"});
}

TEST_F(OpShapes, Tanh) {
  expect_refused([&] { tanh_forward({}); }, {"tanh", "x"});
  expect_refused([&] { tanh_forward(ints({4})); }, {"tanh", "x (4)", "i32"});
  expect_refused([&] { tanh_backward(x({4}), x({5})); }, {"tanh backward", "y (4)", "dy (5)"});
}

TEST_F(OpShapes, Dropout) {
  Tensor y = x({4}), none;
  for (const double p : {-0.1, 1.0, 1.5}) {
    expect_refused([&] { dropout_forward({p, 1, 1}, y); }, {"dropout", "[0, 1)"});
    expect_refused([&] { dropout_backward({p, 1, 1}, y); }, {"dropout", "[0, 1)"});
  }
  expect_refused([&] { dropout_forward({0.5, 1, 1, ints({3})}, y); }, {"dropout", "step (3)"});
  expect_refused(
      [&] {
        dropout_backward({0.5, 1, 1, x({2})}, y);
      },
      {"dropout backward", "step (2)"});
  expect_refused([&] { dropout_forward({0.5, 1, 1}, none); }, {"dropout", "empty"});
  expect_refused([&] { dropout_backward({0.5, 1, 1}, none); }, {"dropout backward", "empty"});
  Tensor wrong = ints({4});
  expect_refused([&] { dropout_forward({0.5, 1, 1}, wrong); }, {"dropout", "x (4)", "i32"});
}

TEST_F(OpShapes, Linear) {
  expect_refused(
      [&] {
        linear_forward(x({2, 3}), x({4, 2}), {});
      },
      {"linear", "x (2,3)", "w (4,2)"});
  expect_refused([&] { linear_forward(x({2, 3}), x({12}), {}); }, {"linear", "w (12)"});
  expect_refused([&] { linear_forward({}, x({4, 3}), {}); }, {"linear", "w (4,3)"});
  expect_refused(
      [&] {
        linear_forward(x({2, 3}), x({4, 3}), x({3}));
      },
      {"linear", "bias (3)", "w (4,3)"});
  expect_refused([&] { linear_forward(ints({2, 3}), x({4, 3}), {}); }, {"linear", "x", "i32"});
  const std::string op = "linear backward";
  expect_refused(
      [&] {
        linear_backward(x({2, 3}), x({4, 3}), x({2, 3}), {}, {});
      },
      {op, "dy (2,3)"});
  expect_refused(
      [&] {
        linear_backward(x({2, 3}), x({4, 3}), x({3, 4}), {}, {});
      },
      {op, "dy (3,4)"});
  expect_refused(
      [&] {
        linear_backward(x({2, 3}), x({4, 3}), x({2, 4}), x({3, 3}), {});
      },
      {op, "dw (3,3)", "w (4,3)"});
  expect_refused(
      [&] {
        linear_backward(x({2, 3}), x({4, 3}), x({2, 4}), {}, x({3}));
      },
      {op, "dbias (3)", "w (4,3)"});
  expect_refused([&] { linear_backward(x({2, 3}), x({4, 3}), {}, {}, {}); }, {op});
  EXPECT_EQ(linear_forward(x({2, 5, 3}), x({4, 3}), {}).shape(), (Shape{2, 5, 4}));
}

TEST_F(OpShapes, LayerNorm) {
  expect_refused(
      [&] {
        layer_norm_forward(x({2, 3}), x({2}), x({3}), 1e-5, nullptr);
      },
      {"layer_norm", "x (2,3)", "gamma (2)"});
  expect_refused(
      [&] {
        layer_norm_forward(x({2, 3}), x({3}), x({2}), 1e-5, nullptr);
      },
      {"layer_norm", "beta (2)"});
  expect_refused([&] { layer_norm_forward({}, x({3}), x({3}), 1e-5, nullptr); }, {"layer_norm"});
  const LayerNormSaved saved{x({2}), x({2})}, other{x({3}), x({2})};
  const auto backward = [&](const Tensor& at, const LayerNormSaved& s, const Tensor& dy,
                            const Tensor& dgamma, const Tensor& dbeta) {
    return [=] { layer_norm_backward(at, dgamma, s, dy, dgamma, dbeta); };
  };
  const std::string op = "layer_norm backward";
  expect_refused(backward(x({2, 3}), other, x({2, 3}), x({3}), x({3})), {op, "mean (3)"});
  expect_refused(backward(x({2, 3}), saved, x({2, 2}), x({3}), x({3})), {op, "dy (2,2)"});
  expect_refused(backward(x({2, 3}), saved, x({2, 3}), x({2}), x({3})), {op, "dgamma (2)"});
  expect_refused(backward(x({2, 3}), saved, x({2, 3}), x({3}), x({4})), {op, "dbeta (4)"});
}

TEST_F(OpShapes, ResidualNorm) {
  Tensor at = x({2, 3});
  const ResidualNorm norm{x({3}), x({3}), 1e-5}, other{x({2}), x({3}), 1e-5};
  const ResidualNorm always{x({3}), x({3}), 1e-5, {1.0, 1, 1}};
  expect_refused(
      [&] {
        residual_norm_forward(norm, at, x({2, 2}), nullptr);
      },
      {"layer_norm", "x (2,3)", "residual (2,2)"});
  expect_refused(
      [&] {
        residual_norm_forward(other, at, x({2, 3}), nullptr);
      },
      {"layer_norm", "gamma (2)"});
  expect_refused(
      [&] {
        residual_norm_forward(always, at, x({2, 3}), nullptr);
      },
      {"layer_norm", "[0, 1)"});
  const LayerNormSaved saved{x({2}), x({2})};
  const std::string op = "layer_norm backward";
  expect_refused(
      [&] {
        residual_norm_backward(norm, at, saved, x({2, 2}), x({3}), x({3}));
      },
      {op, "dy (2,2)"});
  expect_refused(
      [&] {
        residual_norm_backward(always, at, saved, x({2, 3}), x({3}), x({3}));
      },
      {op, "[0, 1)"});
}

TEST_F(OpShapes, Embedding) {
  const EmbeddingTables tables{x({5, 4}), x({6, 4}), x({1, 4})};
  const auto forward = [&](const Tensor& ids, const EmbeddingTables& t) {
    return [=] { embedding_forward(ids, t); };
  };
  expect_refused(forward(ints({2, 7}), tables), {"embedding", "ids (2,7)", "position (6,4)"});
  expect_refused(forward(ints({6}), tables), {"embedding", "ids (6)"});
  expect_refused(forward({}, tables), {"embedding"});
  expect_refused(forward(x({2, 6}), tables), {"embedding", "ids (2,6)", "f64", "i32"});
  expect_refused(forward(ints({2, 6}), {x({5, 4}), x({6, 3}), x({1, 4})}),
                 {"embedding", "position (6,3)"});
  expect_refused(forward(ints({2, 6}), {x({5, 4}), x({6, 4}), x({1, 3})}),
                 {"embedding", "token_type (1,3)"});
  expect_refused(forward(ints({2, 6}), {x({5, 4}), x({6, 4}), x({0, 4})}),
                 {"embedding", "token_type (0,4)"});
  expect_refused(forward(ints({2, 6}), {{}, x({6, 4}), x({1, 4})}), {"embedding", "word"});
  const auto backward = [&](const Tensor& lengths, const Tensor& dy) {
    return [=] { embedding_backward(Tensor(), lengths, dy, tables); };
  };
  const std::string op = "embedding backward";
  expect_refused(backward(ints({2}), x({2, 6, 4})), {op});
  const Tensor ids = ints({2, 6});
  expect_refused(
      [&] {
        embedding_backward(ids, ints({3}), x({2, 6, 4}), tables);
      },
      {op, "lengths (3)"});
  expect_refused(
      [&] {
        embedding_backward(ids, ints({2}), x({2, 6, 3}), tables);
      },
      {op, "dy (2,6,3)"});
  expect_refused(
      [&] {
        embedding_backward(ids, x({2}), x({2, 6, 4}), tables);
      },
      {op, "lengths (2)", "i32"});
}

/// One block of 4 that reads itself.
struct OneBlock {
  std::int32_t begin[2] = {0, 1}, zero[1] = {0}, one[1] = {1};
  kernels::BlockPatternView view(std::int64_t heads = 1, std::int64_t blocks = 1) const {
    return {heads, blocks, 4, begin, zero, one, begin, zero, one};
  }
};

TEST_F(OpShapes, BlockAttention) {
  const OneBlock pattern;
  const auto forward = [&](const Tensor& qkv, const Tensor& lengths,
                           const kernels::BlockPatternView& view) {
    return [=] { block_attention_forward(qkv, lengths, view, nullptr); };
  };
  const std::string op = "block_attention";
  const Tensor qkv = x({2, 4, 3, 2, 5}), lengths = ints({2});
  EXPECT_NO_THROW(forward(qkv, lengths, pattern.view())());
  expect_refused(forward(x({2, 4, 2, 2, 5}), lengths, pattern.view()), {op, "qkv (2,4,2,2,5)"});
  expect_refused(forward(x({2, 4, 30}), lengths, pattern.view()), {op, "qkv (2,4,30)"});
  expect_refused(forward(qkv, ints({3}), pattern.view()), {op, "lengths (3)"});
  expect_refused(forward(qkv, x({2}), pattern.view()), {op, "lengths (2)", "i32"});
  expect_refused(forward(qkv, lengths, pattern.view(3)), {op, "(2,4,3,2,5)", "3 heads"});
  expect_refused(forward(qkv, lengths, pattern.view(1, 2)), {op, "1 blocks of 4", "2 blocks"});
  expect_refused(forward(x({2, 5, 3, 2, 5}), lengths, pattern.view()), {op, "2 blocks of 4"});
  const Tensor out = x({2, 4, 2, 5}), lse = x({2, 2, 4});
  const auto backward = [&](const BlockAttentionSaved& saved, const Tensor& dout) {
    return [=] { block_attention_backward(saved, lengths, pattern.view(), dout); };
  };
  const std::string back = "block_attention backward";
  EXPECT_NO_THROW(backward({qkv, out, lse}, out)());
  expect_refused(backward({qkv, out, lse}, x({2, 4, 2, 4})), {back, "dout (2,4,2,4)"});
  expect_refused(backward({qkv, x({2, 4}), lse}, out), {back, "out (2,4)"});
  expect_refused(backward({qkv, out, x({2, 2, 3})}, out), {back, "log_sum_exp (2,2,3)"});
  expect_refused(backward({x({2, 9, 3, 2, 5}), out, lse}, out), {back, "3 blocks"});
}

TEST_F(OpShapes, Rows) {
  Tensor target = x({2, 3, 4});
  expect_refused([&] { gather_rows(x({5, 4}), ints({0})); }, {"gather_rows", "index (0)"});
  expect_refused([&] { gather_rows(x({5, 4}), ints({1, 2})); }, {"gather_rows", "index (1,2)"});
  expect_refused([&] { gather_rows({}, ints({1})); }, {"gather_rows"});
  expect_refused([&] { gather_rows(x({5, 4}), x({2})); }, {"gather_rows", "index (2)", "i32"});
  expect_refused(
      [&] {
        scatter_add_rows(x({2, 4}), ints({3}), target);
      },
      {"scatter_add_rows", "dy (2,4)", "index (3)"});
  expect_refused(
      [&] {
        scatter_add_rows(x({2, 5}), ints({2}), target);
      },
      {"scatter_add_rows", "dy (2,5)", "dx (2,3,4)"});
  expect_refused([&] { mean_rows(x({6, 4}), ints({6}), ints({6})); }, {"mean_rows", "x (6,4)"});
  expect_refused([&] { mean_rows(target, ints({3}), ints({2})); }, {"mean_rows", "begin (3)"});
  expect_refused([&] { mean_rows(target, ints({2}), ints({1})); }, {"mean_rows", "end (1)"});
  expect_refused([&] { mean_rows(target, x({2}), ints({2})); }, {"mean_rows", "begin", "i32"});
}

TEST_F(OpShapes, CrossEntropy) {
  const auto forward = [&](const Tensor& logits, const Tensor& labels, const Tensor& weights) {
    return [=] { cross_entropy_forward(logits, labels, weights, nullptr); };
  };
  expect_refused(forward(x({2, 3}), ints({3}), {}),
                 {"cross_entropy", "logits (2,3)", "labels (3)"});
  expect_refused(forward(x({2, 3}), ints({2}), x({2})), {"cross_entropy", "class_weights (2)"});
  expect_refused(forward(x({2, 3}), x({2}), {}), {"cross_entropy", "labels (2)", "i32"});
  expect_refused(forward({}, ints({0}), {}), {"cross_entropy"});
  expect_refused(
      [&] {
        cross_entropy_backward(x({2, 3}), ints({2}), {}, x({3}), 1);
      },
      {"cross_entropy backward", "log_sum_exp (3)"});
  expect_refused(
      [&] {
        cross_entropy_backward(x({2, 3}), ints({1}), {}, x({2}), 1);
      },
      {"cross_entropy backward", "labels (1)"});
}

TEST_F(OpShapes, ElementLosses) {
  using Forward = Tensor (*)(const Tensor&, const Tensor&, const Tensor&);
  using Backward =
      Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const kernels::LossScale&);
  struct Loss {
    std::string name;
    Forward forward;
    Backward backward;
  };
  for (const Loss& loss :
       {Loss{"binary_cross_entropy", binary_cross_entropy_forward, binary_cross_entropy_backward},
        Loss{"squared_error", squared_error_forward, squared_error_backward}}) {
    expect_refused(
        [&] {
          loss.forward(x({2, 3}), x({3, 2}), {});
        },
        {loss.name, "predictions (2,3)", "truth (3,2)"});
    expect_refused([&] { loss.forward(x({2, 3}), x({2, 3}), x({2})); }, {loss.name, "weights (2)"});
    expect_refused([&] { loss.forward({}, {}, {}); }, {loss.name});
    expect_refused([&] { loss.forward(x({2, 3}), ints({2, 3}), {}); }, {loss.name, "truth", "i32"});
    expect_refused(
        [&] {
          loss.backward(x({2, 3}), x({2, 2}), {}, 1);
        },
        {loss.name + " backward", "truth (2,2)"});
    expect_refused(
        [&] {
          loss.backward(x({2, 3}), x({2, 3}), x({4}), 1);
        },
        {loss.name + " backward", "weights (4)"});
  }
}

}  // namespace
}  // namespace dnabird::ops
