#include "model/initializer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/rng.h"
#include "model/layers.h"

namespace dnabird::model {

namespace {

/// FNV-1a: a parameter's draws hang on its name alone, not on what else the model has.
std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

/// Radians per token of a channel of the positions.
double wave_frequency(std::int64_t channel, std::int64_t channels) {
  return std::pow(10000.0,
                  -static_cast<double>(channel - channel % 2) / static_cast<double>(channels));
}

/// Sines and cosines of the position, wavelengths from 2 pi to 20,000 pi (Vaswani et al. 2017,
/// section 3.5), at the scale of the other embeddings: attention by distance is then there to be
/// found from the start, where random rows have to learn it position by position.
void fill_with_waves(std::int64_t channels, double scale, std::vector<float>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int64_t position = static_cast<std::int64_t>(i) / channels;
    const std::int64_t channel = static_cast<std::int64_t>(i) % channels;
    const double angle = static_cast<double>(position) * wave_frequency(channel, channels);
    const double wave = channel % 2 == 0 ? std::sin(angle) : std::cos(angle);
    rows[i] = static_cast<float>(scale * std::sqrt(2.0) * wave);
  }
}

/// A k-mer begins as a sum of vectors that stand for a base at a place of it, with a part of its
/// own: what neighbours share can then be seen from the start. Random rows first have to learn,
/// k-mer by k-mer, which ones overlap.
void add_bases(const ModelConfig& config, std::uint64_t seed, std::vector<float>& rows) {
  constexpr double kShared = 0.8;  // of the variance
  const std::int64_t channels = config.channels, k = config.k;
  const std::int64_t first = config.vocabulary - (std::int64_t{1} << (2 * k));
  if (k == 0 || first < 0) return;  // not a vocabulary of k-mers
  core::Rng rng(seed, hash_of("bases"));
  std::vector<double> bases(k * 4 * channels);
  const double scale = config.initializer_range * std::sqrt(kShared / static_cast<double>(k));
  for (double& v : bases) v = scale * rng.normal();
  for (std::int64_t token = first; token < config.vocabulary; ++token) {
    float* row = &rows[token * channels];
    for (std::int64_t c = 0; c < channels; ++c) {
      double sum = std::sqrt(1 - kShared) * row[c];
      for (std::int64_t at = 0; at < k; ++at) {
        const std::int64_t base = (token - first) >> (2 * (k - 1 - at)) & 3;
        sum += bases[(at * 4 + base) * channels + c];
      }
      row[c] = static_cast<float>(sum);
    }
  }
}

enum class Role { query, key };

/// What attention by distance begins with, added to the query and key matrices of a layer: the
/// first half of the heads look, by turns, so many tokens back and ahead. Keys take the fastest
/// waves of the positions as they are, queries take them turned by the distance; the score is then
/// a sum of cos(w (i + distance - j)) that peaks at kPeak where j = i + distance. (After Trockman
/// and Kolter 2023, who begin with what trained attention looks like.)
void add_distances(const ModelConfig& config, std::int64_t layer, Role role,
                   std::vector<float>& matrix) {
  constexpr double kPeak = 6;
  const std::int64_t channels = config.channels, head_channels = channels / config.heads;
  // A third of the variance of the normed embedding is the position's.
  const double gain = std::sqrt(3 * kPeak / std::sqrt(static_cast<double>(head_channels)));
  const std::int64_t unit = std::max<std::int64_t>(1, config.k / (2 * config.stride));
  const double reach =
      static_cast<double>(std::min(config.block_size, unit << std::min<std::int64_t>(layer, 16)));
  for (std::int64_t head = 0; head < config.heads / 2; ++head) {
    const double distance = head % 2 == 0 ? -reach : reach;
    for (std::int64_t c = 0; c + 1 < head_channels; c += 2) {
      const double angle = role == Role::query ? distance * wave_frequency(c, channels) : 0;
      float* sine = &matrix[(head * head_channels + c) * channels + c];
      float* cosine = sine + channels;
      sine[0] += static_cast<float>(gain * std::cos(angle));
      sine[1] += static_cast<float>(gain * std::sin(angle));
      cosine[0] -= static_cast<float>(gain * std::sin(angle));
      cosine[1] += static_cast<float>(gain * std::cos(angle));
    }
  }
}

}  // namespace

std::vector<float> initial_values(const ModelConfig& config, const ParameterInfo& parameter,
                                  std::uint64_t seed) {
  const std::string& name = parameter.name;
  std::vector<float> values(core::element_count(parameter.shape), 0.0f);
  if (name.ends_with("LayerNorm.weight")) {
    std::fill(values.begin(), values.end(), 1.0f);
    return values;
  }
  if (name.ends_with("bias")) return values;
  if (name.ends_with("position_embeddings.weight")) {
    fill_with_waves(config.channels, config.initializer_range, values);
    return values;
  }
  core::Rng rng(seed, hash_of(name));
  for (float& v : values) v = static_cast<float>(config.initializer_range * rng.normal());
  if (name.ends_with("word_embeddings.weight")) {
    std::fill(values.begin(), values.begin() + config.channels, 0.0f);
    add_bases(config, seed, values);
  }
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string self = layer_prefix(layer) + "attention.self.";
    if (name == self + "query.weight") add_distances(config, layer, Role::query, values);
    if (name == self + "key.weight") add_distances(config, layer, Role::key, values);
  }
  return values;
}

}  // namespace dnabird::model
