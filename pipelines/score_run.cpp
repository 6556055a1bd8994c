#include "pipelines/score_run.h"

#include <algorithm>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/background.h"
#include "core/bounded_queue.h"
#include "core/errors.h"
#include "core/log.h"

namespace dnabird::pipelines {
namespace {

using predict::VariantScorer;

using Records = std::vector<io::VariantRecord>;
struct PreparedChunk {
  Records records;
  predict::PreparedVariants variants;
};
/// The model has been asked for its scores.
struct AskedChunk {
  Records records;
  std::future<VariantScorer::Scores> scores;
};
struct Chunk {
  Records records;
  VariantScorer::Scores scores;
};
constexpr std::size_t kChunksWaiting = 2;

void annotate(io::VariantRecord& record, const std::vector<predict::AlleleScores>& alleles,
              const predict::ScoreSet& scores) {
  using Member = std::optional<float> predict::AlleleScores::*;
  const auto set = [&](const char* tag, Member member) {
    std::vector<std::optional<float>> values;
    values.reserve(alleles.size());
    for (const predict::AlleleScores& allele : alleles) values.push_back(allele.*member);
    record.set_info_floats(tag, values);
  };
  if (scores.log_likelihood_ratio) {
    set("DNABIRD_LLR", &predict::AlleleScores::log_likelihood_ratio);
  }
  if (scores.promoter) set("DNABIRD_PROM", &predict::AlleleScores::promoter);
  if (scores.distance) set("DNABIRD_DIST", &predict::AlleleScores::distance);
  std::vector<std::string> status;
  status.reserve(alleles.size());
  for (const predict::AlleleScores& allele : alleles) {
    status.push_back(predict::status_name(allele.status));
  }
  record.set_info_strings("DNABIRD_STATUS", status);
}

bool has_mismatch(const std::vector<predict::AlleleScores>& alleles) {
  return std::any_of(alleles.begin(), alleles.end(), [](const predict::AlleleScores& allele) {
    return allele.status == predict::AlleleStatus::ref_mismatch;
  });
}

/// As many as make a call of a scorer; none at the end.
std::optional<Records> read_records(const ScoreRun& run) {
  Records records;
  for (io::VariantRecord record; records.size() < run.scorers[0].alleles_at_once();) {
    if (!run.reader.next(record)) break;
    records.push_back(std::move(record));
  }
  if (records.empty()) return std::nullopt;
  return records;
}

PreparedChunk prepare_chunk(const ScoreRun& run, Records records) {
  std::vector<predict::Variant> variants;
  for (const io::VariantRecord& record : records) {
    variants.push_back({record.contig(), record.position(), record.ref(), record.alts()});
  }
  return {std::move(records), run.scorers[0].prepare(variants)};
}

AskedChunk ask_chunk(core::BoundedQueue<VariantScorer*>& free_scorers, PreparedChunk chunk) {
  const auto give_back = [&](VariantScorer* scorer) { free_scorers.push(scorer); };
  const std::unique_ptr<VariantScorer, decltype(give_back)> scorer(free_scorers.pop().value(),
                                                                   give_back);
  return {std::move(chunk.records), scorer->score(std::move(chunk.variants))};
}

/// Counts the chunk's records, or throws where one of them ends the run.
void check_chunk(const ScoreRun& run, const Chunk& chunk, ScoreTally& tally) {
  for (std::size_t i = 0; i < chunk.records.size(); ++i) {
    if (run.check_ref == CheckRef::exit && has_mismatch(chunk.scores[i])) {
      throw core::DataError(describe_mismatch(chunk.records[i], run.fasta) +
                            "; are both of the same genome build? (--check-ref warn scores the "
                            "other records)");
    }
    tally.add(chunk.records[i], chunk.scores[i]);
  }
}

void write_chunk(const ScoreRun& run, Chunk chunk) {
  for (std::size_t i = 0; i < chunk.records.size(); ++i) {
    annotate(chunk.records[i], chunk.scores[i], run.scores);
    run.writer.write(chunk.records[i]);
  }
}

}  // namespace

void score_all(const ScoreRun& run, ScoreTally& tally) {
  core::Progress progress("score", "records", 0);
  core::WriteBehind<Chunk> output([&run](Chunk chunk) { write_chunk(run, std::move(chunk)); },
                                  kChunksWaiting);
  core::PrepareAhead<Records, PreparedChunk> prepared(
      [&run] { return read_records(run); },
      [&run](Records records) { return prepare_chunk(run, std::move(records)); },
      run.preparing_threads, kChunksWaiting);
  const std::size_t n_scorers = run.scorers.size();
  core::BoundedQueue<VariantScorer*> free_scorers(n_scorers);
  for (VariantScorer& scorer : run.scorers) free_scorers.push(&scorer);
  // Twice as many threads as scorers: a chunk that waits for one before it to be done keeps a
  // thread, not its scorer. A single scorer does them in order. Each is asked for a chunk while
  // the numbers of the one before it are taken here.
  core::PrepareAhead<PreparedChunk, AskedChunk> asked(
      [&prepared] { return prepared.next(); },
      [&free_scorers](PreparedChunk chunk) { return ask_chunk(free_scorers, std::move(chunk)); },
      n_scorers == 1 ? 1 : 2 * n_scorers, 1);
  while (std::optional<AskedChunk> chunk = asked.next()) {
    Chunk scored{std::move(chunk->records), chunk->scores.get()};
    check_chunk(run, scored, tally);
    output.push(std::move(scored));
    progress.update(tally.records());
  }
  output.finish();
}

}  // namespace dnabird::pipelines
