// Small data and a small architecture, on which a run takes a second: for tests of training
// commands.
#pragma once

#include <signal.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace dnabird::support {

/// One layer of 16 channels, 3-mers, up to 62 bases: four blocks of 16.
inline void write_toy_architecture(const std::string& path) {
  write_text(path, R"({"model_type": "big_bird", "hidden_size": 16, "num_hidden_layers": 1,
    "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 62,
    "block_size": 16, "num_random_blocks": 1, "hidden_dropout_prob": 0.1,
    "initializer_range": 0.1, "dnabird": {"k": 3}})");
}

class ToySequences {
 public:
  explicit ToySequences(std::uint64_t seed) : rng_(seed) {}

  std::string random(std::size_t n) {
    std::string bases(n, 'A');
    for (char& base : bases) base = "ACGT"[rng_.below(4)];
    return bases;
  }
  /// With a motif that takes a quarter of it, somewhere.
  std::string with_motif(std::size_t n) {
    std::string bases = random(n);
    return bases.replace(rng_.below(n - kMotif.size()), kMotif.size(), kMotif);
  }
  std::uint64_t below(std::uint64_t n) { return rng_.below(n); }

 private:
  inline static const std::string kMotif = "TATAAATATAAA";
  core::Rng rng_;
};

/// Rows of sequence,label: every second one holds the motif; lengths of 44 to 56 bases, so that
/// batches are split by blocks.
inline void write_toy_classes(const std::string& path, int rows, std::uint64_t seed) {
  ToySequences sequences(seed);
  std::string text = "sequence,label\n";
  for (int i = 0; i < rows; ++i) {
    const std::size_t n = 44 + sequences.below(13);
    text += (i % 2 == 1 ? sequences.with_motif(n) + ",1" : sequences.random(n) + ",0") + "\n";
  }
  write_text(path, text);
}

/// The architecture and both sets under the names that the tests' command lines use.
inline void write_toy_files(const TempFolder& folder) {
  write_toy_architecture(folder / "toy.json");
  write_toy_classes(folder / "train.csv", 240, 1);
  write_toy_classes(folder / "dev.csv", 80, 2);
}

/// `words` with those options (name, value) that it does not name itself.
inline std::vector<std::string> with_defaults(
    std::vector<std::string> words,
    const std::vector<std::pair<std::string, std::string>>& defaults) {
  for (const auto& [name, value] : defaults) {
    if (std::find(words.begin(), words.end(), name) != words.end()) continue;
    words.insert(words.end(), {name, value});
  }
  return words;
}

inline std::vector<nlohmann::json> read_log(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_text(path));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

/// The log without what the clock says.
inline std::string log_without_times(const std::string& path) {
  std::string text;
  for (nlohmann::json line : read_log(path)) {
    for (const char* key : {"tokens_per_second", "seconds", "hours"}) line.erase(key);
    text += line.dump() + "\n";
  }
  return text;
}

/// Kills the program when its log holds `lines` lines.
inline std::function<void(pid_t)> kill_at_line(const std::string& log, std::size_t lines) {
  return [log, lines](pid_t child) {
    for (int i = 0; i < 60000; ++i) {
      std::ifstream in(log, std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      if (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) >= lines) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    kill(child, SIGKILL);
  };
}

}  // namespace dnabird::support
