// Do sequences that a model is measured on stand in what it was trained on?
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/text.h"
#include "data/overlap.h"
#include "data/sequences.h"
#include "pipelines/evaluate_parts.h"

namespace dnabird::pipelines {
namespace {

// Long sequences are looked at in pieces: only those that share something are kept.
constexpr std::size_t kPieceBases = 1000;

/// The parts of the training sequences that share a stretch with `set`.
std::vector<std::string> shared_pieces(const std::vector<std::string>& paths,
                                       const data::KmerSet& set) {
  std::vector<std::string> pieces;
  for (const std::string& path : paths) {
    for (const io::NamedSequence& sequence : data::read_sequences(path)) {
      const std::string_view bases = sequence.bases;
      for (std::size_t begin = 0; begin < bases.size(); begin += kPieceBases) {
        // Pieces overlap so far that no stretch across their border is lost.
        const std::string_view piece = bases.substr(begin, kPieceBases + data::kSharedBases - 1);
        if (set.shares(piece)) pieces.emplace_back(piece);
      }
    }
  }
  return pieces;
}

}  // namespace

void report_shared(const std::vector<std::string>& train_paths,
                   std::span<const std::string> sequences, EvaluateReport& report) {
  if (train_paths.empty()) return;
  const data::KmerSet own(sequences);
  const data::KmerSet learnt(shared_pieces(train_paths, own));
  const std::vector<char> marks = data::mark_shared(sequences, learnt);
  const auto n = std::count(marks.begin(), marks.end(), 1);
  const std::string what = std::to_string(data::kSharedBases) + " bases with --train";
  report.provenance.push_back("train=" + core::join(train_paths, ",") + " sequences_that_share_" +
                              std::to_string(data::kSharedBases) + "_bases=" + std::to_string(n));
  if (n > 0) {
    core::log_warning(core::with_commas(n) + " of " +
                      core::with_commas(static_cast<std::int64_t>(sequences.size())) +
                      " sequences share " + what +
                      ": figures of a model that learnt from it flatter");
  }
}

}  // namespace dnabird::pipelines
