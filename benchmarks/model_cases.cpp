#include "benchmarks/model_cases.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "benchmarks/flops.h"
#include "benchmarks/model_run.h"
#include "core/rng.h"
#include "model/layers.h"

namespace dnabird::benchmarks {

namespace {

constexpr std::int64_t kLeastTokens = 4096, kLeastTokensOfGpus = 32'768;

struct Size {
  const char* name;
  std::int64_t layers, channels, heads, vocabulary;
  std::int64_t longest_training;  // tokens whose activations fit in some 10 GB
};

constexpr Size kBase{"base", 12, 768, 12, 32'000, 16'384};
constexpr Size kSmall{"small", 6, 256, 4, 4'101, 65'536};

struct Shape {
  Size size;
  std::int64_t batch, tokens;
};

/// Sequences of a call.
std::int64_t batch_of(std::int64_t tokens, std::int64_t least) {
  return std::max<std::int64_t>(1, least / tokens);
}

model::ModelConfig config_of(const Shape& shape) {
  model::ModelConfig config;
  config.vocabulary = shape.size.vocabulary;
  config.layers = shape.size.layers;
  config.channels = shape.size.channels;
  config.heads = shape.size.heads;
  config.feed_forward = 4 * shape.size.channels;
  config.positions = shape.tokens;
  return config;
}

std::string text(const Shape& shape) {
  return std::string(shape.size.name) + " " + std::to_string(shape.batch) + " x " +
         std::to_string(shape.tokens);
}

Sequences sequences_of(const Shape& shape) {
  return random_sequences(shape.batch, shape.tokens, shape.size.vocabulary);
}

/// Random weights of about the size that training begins with. Not initialize(), which takes
/// seconds to draw those of a base model: after a million they repeat.
void draw_weights(model::Model& model) {
  constexpr std::int64_t kDrawn = 1'000'003;
  core::Rng rng(1, 3);
  std::vector<float> drawn(kDrawn);
  for (float& value : drawn) value = static_cast<float>(0.07 * rng.uniform() - 0.035);
  model::Parameters& parameters = model.parameters();
  std::vector<float> values(parameters.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = drawn[i % kDrawn];
  for (const model::ParameterInfo& parameter : parameters.list()) {
    const bool is_gain = parameter.name.ends_with("LayerNorm.weight");
    if (!is_gain && !parameter.name.ends_with("bias")) continue;
    const auto begin = values.begin() + parameter.begin;
    std::fill(begin, begin + core::element_count(parameter.shape), is_gain ? 1.0F : 0.0F);
  }
  model.kernels().copy_in(parameters.values().data(), values.data(), values.size() * sizeof(float));
}

/// A model and its batch, for as long as calls need them.
struct Holder {
  Holder(core::KernelSet& kernels, const Shape& shape)
      : model(kernels, config_of(shape)), run(model, sequences_of(shape)) {
    draw_weights(model);
  }
  model::Model model;
  ModelRun run;
};

ModelCase forward(const Shape& shape) {
  return {.name = "forward",
          .shape = text(shape),
          .flops = encoder_flops(config_of(shape), shape.batch, shape.tokens),
          .tokens = shape.batch * shape.tokens,
          .make =
              [shape](core::KernelSet& kernels) {
                const auto held = std::make_shared<Holder>(kernels, shape);
                return [held] { held->run.forward(); };
              },
          .size = shape.size.name,
          .length = shape.tokens};
}

ModelCase training_step(const Shape& shape, Loss loss) {
  const bool is_masked = loss == Loss::masked_tokens;
  const std::int64_t tokens = shape.batch * shape.tokens;
  const double flops =
      is_masked ? masked_step_flops(config_of(shape), shape.batch, shape.tokens, tokens / 7)
                : training_flops(encoder_flops(config_of(shape), shape.batch, shape.tokens));
  return {.name = is_masked ? "training step, masked" : "training step",
          .shape = text(shape),
          .flops = flops,
          .tokens = tokens,
          .make =
              [shape, loss](core::KernelSet& kernels) {
                const auto held = std::make_shared<Holder>(kernels, shape);
                held->run.label_every_seventh();
                return [held, loss] { held->run.training_step(loss); };
              },
          .is_training = true};
}

/// One layer of a model of one, its input and its gradient the same random numbers.
struct LayerHolder {
  LayerHolder(core::KernelSet& kernels, const Shape& shape)
      : model(kernels, one_layer(shape)),
        lengths(lengths_of(kernels, shape)),
        pattern(
            model::pattern_of_layer(model.config(), shape.tokens / model.config().block_size, 0)) {
    draw_weights(model);
    const auto batch = model::make_token_batch(kernels, sequences_of(shape), 64);
    x = model.embed(batch);
  }

  static model::ModelConfig one_layer(const Shape& shape) {
    model::ModelConfig config = config_of(shape);
    config.layers = 1;
    return config;
  }
  static core::Tensor lengths_of(core::KernelSet& kernels, const Shape& shape) {
    const std::vector<std::int32_t> values(shape.batch, static_cast<std::int32_t>(shape.tokens));
    return core::Tensor::from_host(kernels, {shape.batch}, std::span<const std::int32_t>(values));
  }
  void forward(model::LayerCache* cache) {
    const model::LayerContext context{model.config(), model.parameters(), nullptr};
    model::encoder_layer_forward(context, 0, {lengths, pattern}, x, cache);
    model.kernels().synchronize();
  }
  void backward(const model::LayerCache& cache) {
    const model::LayerContext context{model.config(), model.parameters(), nullptr};
    model::encoder_layer_backward(context, 0, {lengths, pattern}, cache, x);
    model.kernels().synchronize();
  }

  model::Model model;
  core::Tensor lengths;  // (B) i32
  model::FixedPattern pattern;
  core::Tensor x;  // (B,T,C)
};

ModelCase layer_forward(const Shape& shape) {
  return {.name = "layer forward",
          .shape = text(shape),
          .flops = encoder_flops(LayerHolder::one_layer(shape), shape.batch, shape.tokens),
          .tokens = shape.batch * shape.tokens,
          .make = [shape](core::KernelSet& kernels) {
            const auto held = std::make_shared<LayerHolder>(kernels, shape);
            return [held] { held->forward(nullptr); };
          }};
}

ModelCase layer_backward(const Shape& shape) {
  return {.name = "layer backward",
          .shape = text(shape),
          .flops = 2 * encoder_flops(LayerHolder::one_layer(shape), shape.batch, shape.tokens),
          .tokens = shape.batch * shape.tokens,
          .make =
              [shape](core::KernelSet& kernels) {
                const auto held = std::make_shared<LayerHolder>(kernels, shape);
                const auto cache = std::make_shared<model::LayerCache>();
                held->forward(cache.get());
                return [held, cache] { held->backward(*cache); };
              },
          .is_training = true};
}

}  // namespace

std::vector<ModelCase> model_cases() {
  std::vector<ModelCase> cases;
  for (const Size& size : {kBase, kSmall}) {
    cases.push_back(layer_forward({size, 1, 4096}));
    cases.push_back(layer_backward({size, 1, 4096}));
  }
  for (const Size& size : {kBase, kSmall}) {
    for (std::int64_t tokens = 512; tokens <= 65'536; tokens *= 2) {
      cases.push_back(forward({size, batch_of(tokens, kLeastTokens), tokens}));
    }
    for (std::int64_t tokens = 512; tokens <= size.longest_training; tokens *= 2) {
      cases.push_back(training_step({size, batch_of(tokens, kLeastTokens), tokens}, Loss::hidden));
      cases.back().on_request = tokens != 4096;
    }
    cases.push_back(training_step({size, 2, 1024}, Loss::hidden));
    cases.push_back(training_step({size, 1, 4096}, Loss::masked_tokens));
  }
  return cases;
}

std::vector<ModelCase> model_cases_of_gpus() {
  std::vector<ModelCase> cases;
  for (const Size& size : {kBase, kSmall}) {
    const Shape usual{size, batch_of(4096, kLeastTokensOfGpus), 4096};
    cases.push_back(layer_forward(usual));
    cases.push_back(layer_backward(usual));
    for (const std::int64_t tokens : {1024, 4096, 16'384, 65'536}) {
      cases.push_back(forward({size, batch_of(tokens, kLeastTokensOfGpus), tokens}));
    }
    cases.push_back(training_step(usual, Loss::hidden));
    cases.push_back(training_step(usual, Loss::masked_tokens));
  }
  return cases;
}

}  // namespace dnabird::benchmarks
