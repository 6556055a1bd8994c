#include "ops/embedding.h"

#include "ops/check.h"

namespace dnabird::ops {

using core::Tensor;

namespace {

void check_tables(const char* op, const Tensor& ids, const EmbeddingTables& tables) {
  const auto& [word, position, token_type] = tables;
  check_ints(op, {{"ids", &ids}});
  check_parameters(op, {{"word", &word}, {"position", &position}, {"token_type", &token_type}});
  check_shapes(
      !ids.is_empty() && !token_type.is_empty() && ids.shape().size() == 2 &&
          word.shape().size() == 2 && position.shape().size() == 2 &&
          token_type.shape().size() == 2 && position.dim(1) == word.dim(1) &&
          token_type.dim(1) == word.dim(1) && ids.dim(1) <= position.dim(0),
      op, "ids (B,T) need word (V,C), position (>=T,C), token_type (>=1,C)",
      {{"ids", &ids}, {"word", &word}, {"position", &position}, {"token_type", &token_type}});
}

}  // namespace

Tensor embedding_forward(const Tensor& ids, const EmbeddingTables& tables) {
  check_tables("embedding", ids, tables);
  const std::int64_t channels = tables.word.dim(1);
  Tensor y = Tensor::empty(ids.kernels(), {ids.dim(0), ids.dim(1), channels});
  ids.kernels().embedding_forward({ids.dim(0), ids.dim(1), channels, tables.word.dim(0), ids.ints(),
                                   tables.word.data(), tables.position.data(),
                                   tables.token_type.data(), y.data()});
  return y;
}

void embedding_backward(const Tensor& ids, const Tensor& lengths, const Tensor& dy,
                        EmbeddingTables gradients) {
  check_tables("embedding backward", ids, gradients);
  check_ints("embedding backward", {{"lengths", &lengths}});
  check_floats("embedding backward", {{"dy", &dy}});
  const std::int64_t channels = gradients.word.dim(1);
  check_shapes(lengths.size() == ids.dim(0) && dy.size() == ids.size() * channels,
               "embedding backward", "ids (B,T), lengths (B) and dy (B,T,C) do not fit",
               {{"ids", &ids}, {"lengths", &lengths}, {"dy", &dy}});
  kernels_for(dy).embedding_backward({ids.dim(0), ids.dim(1), channels, gradients.word.dim(0),
                                      ids.ints(), lengths.ints(), dy.data(), gradients.word.data(),
                                      gradients.position.data(), gradients.token_type.data()});
}

}  // namespace dnabird::ops
