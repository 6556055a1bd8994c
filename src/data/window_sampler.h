// Pretraining data: windows of FASTA contigs and CSV sequences, drawn from weighted sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/epoch_order.h"
#include "io/fasta.h"

namespace dnabird::data {

/// One file in memory.
struct SequenceSource {
  std::string path;
  std::vector<io::NamedSequence> sequences;
  std::int64_t n_bases() const;
};

struct WindowOptions {
  std::int64_t window = 0;      // bases
  std::int64_t least = 1;       // shorter sequences are left out
  double most_unknown = 0.5;    // windows with a larger share of N are left out
  std::vector<double> weights;  // per source; empty = bases in windows
  std::uint64_t seed = 1;
};

/// Each source has epochs of its own: contigs are cut into windows side by side, from a random
/// offset that changes with the epoch, the last one ends with the contig; sequences shorter than a
/// window come whole. A draw picks the source by weight, takes the next window of its shuffled
/// epoch and one of both strands.
class WindowSampler {
 public:
  /// Throws DataError if a source has no usable window, UsageError if weights do not fit.
  WindowSampler(std::vector<SequenceSource> sources, WindowOptions options);

  /// Bases of the next window.
  std::string next();

  struct State {
    std::int64_t drawn = 0;
    std::vector<EpochOrder::Place> places;  // per source
    bool operator==(const State&) const = default;
  };
  State state() const;
  void restore(const State& state);

  const std::vector<SequenceSource>& sources() const { return sources_; }
  /// Windows of a source in its current epoch.
  std::int64_t windows(std::size_t source) const;

 private:
  struct Window {
    std::int32_t sequence;
    std::int64_t begin;
    std::int32_t length;
  };
  struct Epoch {
    std::vector<Window> windows;  // shuffled
    EpochOrder::Place place;
  };
  /// The first epoch that holds a window. Throws DataError if there is none.
  void start_first_epoch(std::size_t source);
  /// Cuts and shuffles the windows of an epoch; false if there is none with enough A C G T.
  bool start_epoch(std::size_t source, std::int64_t number);

  std::vector<SequenceSource> sources_;
  WindowOptions options_;
  std::vector<double> cumulative_;  // weights, summed up, last = 1
  std::vector<Epoch> epochs_;       // per source
  std::int64_t drawn_ = 0;
};

}  // namespace dnabird::data
