#include "model/tensor_names.h"

#include <gtest/gtest.h>

namespace dnabird::model {
namespace {

TEST(TensorNames, OfOtherProgramsBecomeOurs) {
  EXPECT_EQ(tensor_name_here("embeddings.word_embeddings.weight"),
            "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(tensor_name_here("encoder.layer.3.output.LayerNorm.gamma"),
            "bert.encoder.layer.3.output.LayerNorm.weight");
  EXPECT_EQ(tensor_name_here("cls.predictions.transform.LayerNorm.beta"),
            "cls.predictions.transform.LayerNorm.bias");
  for (const char* name : {"bert.embeddings.LayerNorm.weight", "classifier.dense.weight",
                           "cls.predictions.bias", "gamma", "other.gamma"}) {
    EXPECT_EQ(tensor_name_here(name), name);
  }
}

TEST(TensorNames, CopiesAreOfTheTiedDecoder) {
  ModelConfig config;
  const std::string weight = "cls.predictions.decoder.weight";
  EXPECT_EQ(original_of_copy(config, weight), "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(original_of_copy(config, "cls.predictions.decoder.bias"), "cls.predictions.bias");
  EXPECT_EQ(original_of_copy(config, "cls.predictions.bias"), "");
  config.tied_decoder = false;
  EXPECT_EQ(original_of_copy(config, weight), "") << "then it is a parameter";
  config.masked_lm = false;
  EXPECT_EQ(original_of_copy(config, "cls.predictions.decoder.bias"), "");
}

TEST(TensorNames, ThePoolerIsOfUseToTheHeadOfBertAlone) {
  ModelConfig config;
  EXPECT_TRUE(is_unused(config, "bert.pooler.weight"));
  EXPECT_TRUE(is_unused(config, "cls.seq_relationship.bias"));
  EXPECT_TRUE(is_unused(config, "bert.embeddings.position_ids"));
  EXPECT_FALSE(is_unused(config, "bert.embeddings.position_embeddings.weight"));
  EXPECT_FALSE(is_unused(config, "classifier.weight"));
  config.architecture = Architecture::bert;
  EXPECT_TRUE(is_unused(config, "bert.pooler.dense.weight"));
  config.task = HeadTask::classification;
  EXPECT_FALSE(is_unused(config, "bert.pooler.dense.weight"));
}

}  // namespace
}  // namespace dnabird::model
