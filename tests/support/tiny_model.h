// A small model with random weights, written as a folder: what commands load in tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "io/model_folder.h"
#include "support/bpe_files.h"

namespace dnabird::support {

struct TinyModel {
  int k = 3;
  std::int64_t channels = 16, feed_forward = 32, layers = 2, heads = 2, positions = 320;
  std::int64_t window_bases = 200;  // 13 blocks of 16: block-sparse, not dense
  bool promoter_head = true;
  /// Scale of the head's output: at 1 the probabilities stay near one half.
  double head_scale = 12;
  double head_bias = 0;
  std::uint64_t seed = 1;
  bool bpe = false;  // the tokens of small_bpe_json() in place of k-mers
  bool ours = true;  // config.json has our keys; else it is as another program leaves it
};

inline std::vector<std::string> kmer_vocabulary(int k) {
  std::vector<std::string> lines = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  const std::string letters = "ATCG";
  for (int id = 0; id < 1 << (2 * k); ++id) {
    std::string kmer;
    for (int i = k - 1; i >= 0; --i) kmer += letters[static_cast<std::size_t>(id >> (2 * i) & 3)];
    lines.push_back(kmer);
  }
  return lines;
}

class TinyModelWriter {
 public:
  explicit TinyModelWriter(const TinyModel& shape) : shape_(shape), rng_(shape.seed) {}

  io::ModelFolder make() {
    std::int64_t vocabulary = 0;
    if (shape_.bpe) {
      const nlohmann::json tokenizer = small_bpe_json();
      folder_.tokenizer = tokenizer.dump(1);
      vocabulary = static_cast<std::int64_t>(tokenizer["model"]["vocab"].size());
      shape_.k = 0;
    } else {
      folder_.vocabulary = kmer_vocabulary(shape_.k);
      vocabulary = static_cast<std::int64_t>(folder_.vocabulary.size());
    }
    make_config(vocabulary);
    const std::int64_t c = shape_.channels;
    const std::string e = "bert.embeddings.";
    add(e + "word_embeddings.weight", {vocabulary, c}, 1);
    add(e + "position_embeddings.weight", {shape_.positions, c}, 0.3);
    add(e + "token_type_embeddings.weight", {2, c}, 0.1);
    add_norm(e + "LayerNorm");
    for (std::int64_t i = 0; i < shape_.layers; ++i) {
      add_layer("bert.encoder.layer." + std::to_string(i) + ".");
    }
    add_dense("cls.predictions.transform.dense", c, c);
    add_norm("cls.predictions.transform.LayerNorm");
    add("cls.predictions.bias", {vocabulary}, 0.1);
    if (shape_.promoter_head) {
      add_dense("classifier.dense", c, c);
      add("classifier.out_proj.weight", {2, c},
          shape_.head_scale / std::sqrt(static_cast<double>(c)));
      folder_.weights.tensors["classifier.out_proj.bias"] =
          io::HostTensor::from_floats({2}, {0.0f, static_cast<float>(shape_.head_bias)});
    }
    return std::move(folder_);
  }

 private:
  void make_config(std::int64_t vocabulary) {
    nlohmann::json ours = {{"pattern_mode", "uniform"},
                           {"pattern_seed", 7},
                           {"k", shape_.k},
                           {"stride", 1},
                           {"masked_lm", true},
                           {"window_bases", shape_.window_bases},
                           {"provenance", {{"made_by", "a test"}, {"metrics", {{"MCC", 0.5}}}}}};
    if (shape_.promoter_head) {
      ours["task"] = "classification";
      ours["targets"] = {"other", "promoter"};
      ours["tss_offset"] = shape_.window_bases * 5 / 6;
    } else {
      ours["task"] = "none";
      ours["targets"] = nlohmann::json::array();
    }
    folder_.config = {{"model_type", "big_bird"},
                      {"attention_type", "block_sparse"},
                      {"vocab_size", vocabulary},
                      {"hidden_size", shape_.channels},
                      {"num_hidden_layers", shape_.layers},
                      {"num_attention_heads", shape_.heads},
                      {"intermediate_size", shape_.feed_forward},
                      {"max_position_embeddings", shape_.positions},
                      {"type_vocab_size", 2},
                      {"block_size", 16},
                      {"num_random_blocks", 1},
                      {"hidden_act", "gelu_new"},
                      {"dnabird", ours}};
    if (shape_.ours) return;
    folder_.config.erase("dnabird");
    folder_.config["architectures"] = {shape_.promoter_head ? "BigBirdForSequenceClassification"
                                                            : "BigBirdForMaskedLM"};
  }

  /// Uniform in [-scale, scale): no function of the maths library takes part in it, so the weights
  /// are the same bytes on every machine.
  void add(const std::string& name, std::vector<std::int64_t> shape, double scale) {
    std::int64_t n = 1;
    for (const std::int64_t size : shape) n *= size;
    std::vector<float> values;
    for (std::int64_t i = 0; i < n; ++i) {
      values.push_back(static_cast<float>((2 * rng_.uniform() - 1) * scale));
    }
    folder_.weights.tensors[name] = io::HostTensor::from_floats(std::move(shape), values);
  }

  void add_dense(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in}, 1.7 / std::sqrt(static_cast<double>(in)));
    add(name + ".bias", {out}, 0.1);
  }

  void add_norm(const std::string& name) {
    const auto n = static_cast<std::size_t>(shape_.channels);
    folder_.weights.tensors[name + ".weight"] =
        io::HostTensor::from_floats({shape_.channels}, std::vector<float>(n, 1.0f));
    add(name + ".bias", {shape_.channels}, 0.1);
  }

  void add_layer(const std::string& at) {
    const std::int64_t c = shape_.channels, f = shape_.feed_forward;
    for (const char* part : {"query", "key", "value"}) {
      add_dense(at + "attention.self." + part, c, c);
    }
    add_dense(at + "attention.output.dense", c, c);
    add_norm(at + "attention.output.LayerNorm");
    add_dense(at + "intermediate.dense", f, c);
    add_dense(at + "output.dense", c, f);
    add_norm(at + "output.LayerNorm");
  }

  TinyModel shape_;
  core::Rng rng_;
  io::ModelFolder folder_;
};

/// Writes the folder; the same bytes for the same shape.
inline void write_tiny_model(const std::string& path, const TinyModel& shape = {}) {
  io::write_model_folder(path, TinyModelWriter(shape).make());
}

}  // namespace dnabird::support
