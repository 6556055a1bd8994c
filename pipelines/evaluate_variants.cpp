// dnabird evaluate --variants F.vcf.gz --truth INFO/TAG
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/fasta.h"
#include "io/output_file.h"
#include "io/vcf.h"
#include "pipelines/evaluate.h"
#include "pipelines/fasta_genome.h"
#include "pipelines/model_files.h"
#include "predict/variant_scorer.h"
#include "train/effect_figures.h"

namespace dnabird::pipelines {
namespace {

constexpr std::array<const char*, 3> kScores = {"LLR", "PROM", "DIST"};

/// "INFO/TAG" -> "TAG".
std::string info_tag(const std::string& text, const std::string& option) {
  if (text.rfind("INFO/", 0) != 0 || text.size() == 5) {
    throw core::UsageError(option + ": '" + text + "' is not of the form INFO/TAG");
  }
  return text.substr(5);
}

struct Minimum {
  std::string tag;
  double least;
};

std::vector<Minimum> parse_minima(const std::vector<std::string>& texts) {
  std::vector<Minimum> minima;
  for (const std::string& text : texts) {
    const std::size_t colon = text.rfind(':');
    const std::optional<double> least =
        colon == std::string::npos ? std::nullopt : core::parse_double(text.substr(colon + 1));
    if (!least) {
      throw core::UsageError("--min: '" + text + "' is not of the form INFO/TAG:NUMBER");
    }
    minima.push_back({info_tag(text.substr(0, colon), "--min"), *least});
  }
  return minima;
}

/// An allele that has a truth, before and after it is scored.
struct Allele {
  std::string contig;
  std::int64_t position;  // 0-based
  std::string ref, alt;
  double truth;
  std::array<double, 3> scores;  // as kScores; NaN = none
};

/// Where the records of the input went; they add up.
struct Tally {
  std::int64_t records = 0, below_minimum = 0, without_truth = 0, several_alts = 0, unscored = 0;

  std::int64_t used() const {
    return records - below_minimum - without_truth - several_alts - unscored;
  }
  std::string text() const {
    return "records=" + std::to_string(records) + " used=" + std::to_string(used()) +
           " below_min=" + std::to_string(below_minimum) +
           " without_truth=" + std::to_string(without_truth) +
           " several_alts=" + std::to_string(several_alts) +
           " unscored=" + std::to_string(unscored);
  }
};

bool passes(const io::VariantRecord& record, const std::vector<Minimum>& minima) {
  for (const Minimum& minimum : minima) {
    const std::optional<double> value = record.info_number(minimum.tag);
    if (!value || !(*value >= minimum.least)) return false;
  }
  return true;
}

/// The alleles with a truth, and the scores that stand in the file.
std::vector<Allele> read_alleles(const EvaluateOptions& options, Tally& tally) {
  const std::string truth_tag = info_tag(options.truth, "--truth");
  const std::vector<Minimum> minima = parse_minima(options.minima);
  std::vector<Allele> alleles;
  io::VariantReader reader(options.variants, {}, 1);
  for (io::VariantRecord record; reader.next(record);) {
    ++tally.records;
    if (!passes(record, minima)) {
      ++tally.below_minimum;
      continue;
    }
    const std::optional<double> truth = record.info_number(truth_tag);
    if (!truth || std::isnan(*truth)) {
      ++tally.without_truth;
      continue;
    }
    if (record.alts().size() != 1) {  // one truth cannot belong to several alleles
      ++tally.several_alts;
      continue;
    }
    Allele allele{record.contig(), record.position(), record.ref(), record.alts()[0], *truth, {}};
    for (std::size_t s = 0; s < kScores.size(); ++s) {
      allele.scores[s] = record.info_number(std::string("DNABIRD_") + kScores[s])
                             .value_or(std::numeric_limits<double>::quiet_NaN());
    }
    alleles.push_back(std::move(allele));
  }
  if (alleles.empty()) {
    throw core::DataError("'" + options.variants + "': no record with one ALT has INFO/" +
                          truth_tag + (minima.empty() ? "" : " and passes --min"));
  }
  return alleles;
}

double number_or_nan(const std::optional<float>& score) {
  return score ? *score : std::numeric_limits<double>::quiet_NaN();
}

/// Fills in the scores of the model and says in the report which one it is. Returns its name.
std::string score_alleles(const EvaluateOptions& options, std::vector<Allele>& alleles,
                          EvaluateReport& report) {
  const auto kernels =
      core::open_device(options.common.device, options.common.precision, options.common.threads);
  const io::Fasta fasta(options.reference);
  const FastaGenome genome(fasta);
  const LoadedModel loaded =
      load_model(*kernels, options.common.model.empty() ? kDefaultModel : options.common.model,
                 options.common.random_blocks);
  predict::VariantScorer scorer(
      *loaded.model, *loaded.tokenizer, genome,
      {predict::available_scores(loaded.model->config()), options.common.batch_size});
  core::Progress progress("evaluate", "alleles", static_cast<std::int64_t>(alleles.size()));
  std::map<std::string, std::int64_t> reasons;  // why alleles have no scores
  for (std::size_t begin = 0; begin < alleles.size(); begin += scorer.alleles_at_once()) {
    const std::size_t end = std::min(alleles.size(), begin + scorer.alleles_at_once());
    std::vector<predict::Variant> variants;
    for (std::size_t i = begin; i < end; ++i) {
      const Allele& allele = alleles[i];
      variants.push_back({allele.contig, allele.position, allele.ref, {allele.alt}});
    }
    const auto scored = scorer.score(scorer.prepare(variants)).get();
    for (std::size_t i = begin; i < end; ++i) {
      const predict::AlleleScores& scores = scored[i - begin][0];
      alleles[i].scores = {number_or_nan(scores.log_likelihood_ratio),
                           number_or_nan(scores.promoter), number_or_nan(scores.distance)};
      if (scores.status != predict::AlleleStatus::ok) ++reasons[status_name(scores.status)];
    }
    progress.update(static_cast<std::int64_t>(end));
  }
  for (const auto& [reason, n] : reasons) {
    core::log_warning(core::with_commas(n) + " alleles have no scores: " + reason);
  }
  report.provenance.push_back("model=" + identity_of(loaded));
  report.provenance.push_back("reference=" + options.reference);
  return loaded.name;
}

train::ScoredEffects to_effects(const std::vector<Allele>& alleles, Tally& tally) {
  train::ScoredEffects effects;
  for (std::size_t s = 0; s < kScores.size(); ++s) {
    bool any = false;
    std::vector<double> column;
    for (const Allele& allele : alleles) {
      column.push_back(allele.scores[s]);
      any = any || !std::isnan(allele.scores[s]);
    }
    if (!any) continue;  // a model without a promoter head has no PROM
    effects.score_names.push_back(kScores[s]);
    effects.scores.push_back(std::move(column));
  }
  for (const Allele& allele : alleles) {
    effects.contigs.push_back(allele.contig);
    effects.truth.push_back(allele.truth);
    bool any = false;
    for (const double score : allele.scores) any = any || !std::isnan(score);
    tally.unscored += any ? 0 : 1;
  }
  return effects;
}

void write_alleles(const std::string& path, const std::vector<Allele>& alleles) {
  io::TextOutput output(path);
  output.write("contig\tposition\tref\talt\ttruth\tLLR\tPROM\tDIST\n");
  for (const Allele& allele : alleles) {
    std::string line = allele.contig + "\t" + std::to_string(allele.position + 1) + "\t" +
                       allele.ref + "\t" + allele.alt + "\t" + format_number(allele.truth);
    for (const double score : allele.scores) line += "\t" + format_number(score);
    output.write(line + "\n");
  }
  output.commit();
}

}  // namespace

void evaluate_variants(const EvaluateOptions& options, EvaluateReport& report) {
  if (options.truth.empty()) throw core::UsageError("--variants needs --truth INFO/TAG");
  if (options.scored == !options.reference.empty()) {
    throw core::UsageError(
        "--variants needs either -f, the FASTA that they refer to, or --scored, for a file that "
        "dnabird score wrote");
  }
  Tally tally;
  std::vector<Allele> alleles = read_alleles(options, tally);
  const std::string model = options.scored ? "scored" : score_alleles(options, alleles, report);
  const train::ScoredEffects effects = to_effects(alleles, tally);
  if (effects.scores.empty()) {
    throw core::DataError("'" + options.variants + "': no allele has a score" +
                          (options.scored ? "; with --scored the file must come from dnabird score"
                                          : ", see the reasons above"));
  }
  report.provenance.push_back("variants=" + options.variants + " truth=" + options.truth + " " +
                              tally.text());
  core::log_info(tally.text());
  report.add(model,
             train::effect_figures(effects, {options.positive_threshold, options.bootstrap()}));
  if (!options.predictions.empty()) write_alleles(options.predictions, alleles);
}

}  // namespace dnabird::pipelines
