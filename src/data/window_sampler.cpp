#include "data/window_sampler.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::data {

namespace {

// Streams of the generator, so that unrelated draws share no words.
constexpr std::uint64_t kEpochStream = 0x77696e646f77, kDrawStream = 0x64726177;

// Epochs that may hold no window, by the offsets that they draw, before a source is given up.
constexpr std::int64_t kFirstEpochs = 64;

}  // namespace

std::int64_t SequenceSource::n_bases() const {
  std::int64_t n = 0;
  for (const io::NamedSequence& sequence : sequences) {
    n += static_cast<std::int64_t>(sequence.bases.size());
  }
  return n;
}

WindowSampler::WindowSampler(std::vector<SequenceSource> sources, WindowOptions options)
    : sources_(std::move(sources)), options_(std::move(options)) {
  core::require(!sources_.empty() && options_.window >= options_.least, "a sampler of nothing");
  if (!options_.weights.empty() && options_.weights.size() != sources_.size()) {
    throw core::UsageError("--weights: " + std::to_string(options_.weights.size()) +
                           " weights for " + std::to_string(sources_.size()) + " files");
  }
  epochs_.resize(sources_.size());
  double total = 0;
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    start_first_epoch(s);
    double weight = 0;
    for (const Window& window : epochs_[s].windows) weight += window.length;
    if (!options_.weights.empty()) weight = options_.weights[s];
    if (!(weight > 0) || !std::isfinite(weight)) {
      throw core::UsageError("--weights: expected numbers above 0");
    }
    cumulative_.push_back(total += weight);
  }
  for (double& c : cumulative_) c /= total;
}

void WindowSampler::start_first_epoch(std::size_t source) {
  for (std::int64_t number = 0; number < kFirstEpochs; ++number) {
    if (start_epoch(source, number)) return;
  }
  throw core::DataError("'" + sources_[source].path + "' has no window of " +
                        std::to_string(options_.least) + " or more bases with enough A C G T");
}

bool WindowSampler::start_epoch(std::size_t source, std::int64_t number) {
  core::Rng rng(options_.seed, core::mix(kEpochStream, source, static_cast<std::uint64_t>(number)));
  std::vector<Window>& windows = epochs_[source].windows;
  windows.clear();
  const std::vector<io::NamedSequence>& sequences = sources_[source].sequences;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const std::string_view bases = sequences[i].bases;
    const auto length = static_cast<std::int64_t>(bases.size());
    if (length < options_.least) continue;
    const std::int64_t size = std::min(length, options_.window), last = length - size;
    std::int64_t begin = static_cast<std::int64_t>(
        rng.below(static_cast<std::uint64_t>(std::min(last, options_.window - 1)) + 1));
    for (bool more = true; more; begin = std::min(begin + size, last)) {
      more = begin < last;
      if (seq::unknown_fraction(bases.substr(begin, size)) > options_.most_unknown) continue;
      windows.push_back({static_cast<std::int32_t>(i), begin, static_cast<std::int32_t>(size)});
    }
  }
  rng.shuffle(windows);
  epochs_[source].place = {number, 0};
  return !windows.empty();
}

std::string WindowSampler::next() {
  core::Rng rng(options_.seed, core::mix(kDrawStream, static_cast<std::uint64_t>(drawn_)));
  const auto drawn = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, rng.uniform());
  const auto source = static_cast<std::size_t>(drawn - cumulative_.begin());
  Epoch& epoch = epochs_[source];
  if (epoch.place.position == static_cast<std::int64_t>(epoch.windows.size())) {
    // An offset that suits the first epoch comes again, so this ends.
    while (!start_epoch(source, epoch.place.epoch + 1)) continue;
  }
  const Window& window = epoch.windows[epoch.place.position++];
  ++drawn_;
  const std::string_view bases = std::string_view(sources_[source].sequences[window.sequence].bases)
                                     .substr(window.begin, window.length);
  return rng.below(2) == 0 ? std::string(bases) : seq::reverse_complement(bases);
}

WindowSampler::State WindowSampler::state() const {
  State state{drawn_, {}};
  for (const Epoch& epoch : epochs_) state.places.push_back(epoch.place);
  return state;
}

void WindowSampler::restore(const State& state) {
  if (state.drawn < 0 || state.places.size() != sources_.size()) {
    throw core::DataError("the checkpoint is of other sequence files");
  }
  drawn_ = state.drawn;
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    const EpochOrder::Place& place = state.places[s];
    start_epoch(s, place.epoch);
    if (place.epoch < 0 || place.position < 0 ||
        place.position > static_cast<std::int64_t>(epochs_[s].windows.size())) {
      throw core::DataError("the checkpoint is of another '" + sources_[s].path + "'");
    }
    epochs_[s].place = place;
  }
}

std::int64_t WindowSampler::windows(std::size_t source) const {
  return static_cast<std::int64_t>(epochs_[source].windows.size());
}

}  // namespace dnabird::data
