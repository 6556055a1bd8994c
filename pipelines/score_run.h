// The records of `dnabird score` on their way from the reader through a model to the writer.
#pragma once

#include <cstddef>
#include <deque>

#include "io/fasta.h"
#include "io/vcf.h"
#include "pipelines/score_tally.h"
#include "predict/variant_scorer.h"

namespace dnabird::pipelines {

/// What becomes of records whose REF differs from the FASTA.
enum class CheckRef { warn, exit, skip };

struct ScoreRun {
  io::VariantReader& reader;
  io::VariantWriter& writer;
  std::deque<predict::VariantScorer>& scorers;  // one for each device, of the same model
  predict::ScoreSet scores;
  CheckRef check_ref;
  const io::Fasta& fasta;
  std::size_t preparing_threads;
};

/// Reads all records, scores and writes them, in chunks and in the order of the input; a chunk goes
/// to a scorer that is free. Reading with what comes before the model, each scorer and writing have
/// threads of their own. Nothing of what it writes, counts or throws hangs on the number of
/// scorers. Throws DataError also at the first record that differs, with CheckRef::exit.
void score_all(const ScoreRun& run, ScoreTally& tally);

}  // namespace dnabird::pipelines
