// A small model with random weights in memory, for tests that open no file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "model/model.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::support {

struct RandomModelShape {
  int k = 3, stride = 1;
  std::int64_t window_bases = 120;
  std::vector<std::string> targets = {"other", "promoter"};  // empty: no head
  bool masked_lm = true;
};

struct RandomModel {
  std::unique_ptr<kernels::KernelSet> kernels;
  seq::KmerTokenizer tokenizer;
  std::unique_ptr<model::Model> model;
};

/// 2 layers, 16 channels, blocks of 16; weights so large that its outputs differ clearly.
inline RandomModel random_model(const RandomModelShape& shape = {},
                                std::unique_ptr<kernels::KernelSet> kernels = nullptr) {
  if (!kernels) kernels = core::open_device("cpu", "f32", 1);
  RandomModel result{std::move(kernels), {shape.k, shape.stride}, nullptr};
  model::ModelConfig config;
  config.vocabulary = result.tokenizer.vocabulary_size();
  config.channels = 16;
  config.layers = 2;
  config.heads = 2;
  config.feed_forward = 32;
  config.positions = shape.window_bases + 16;
  config.block_size = 16;
  config.random_blocks = 1;
  config.initializer_range = 0.5;
  config.k = shape.k;
  config.stride = shape.stride;
  config.window_bases = shape.window_bases;
  config.masked_lm = shape.masked_lm;
  config.targets = shape.targets;
  if (!shape.targets.empty()) config.task = model::HeadTask::classification;
  result.model = std::make_unique<model::Model>(*result.kernels, config);
  result.model->initialize(11);
  return result;
}

}  // namespace dnabird::support
