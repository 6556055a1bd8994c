// dnabird evaluate: what a model is worth on labelled data.
#include "pipelines/evaluate.h"

#include <cmath>
#include <cstdio>

#include "core/errors.h"
#include "io/output_file.h"

namespace dnabird::pipelines {
namespace {

constexpr const char* kDescription =
    "Compares a model with the truth and writes a table: model, group, target, metric, value,\n"
    "95 % bootstrap interval, n. One of three kinds of data:\n"
    "  --data        sequences with labels or values (CSV), as for finetune; with --masked-lm the\n"
    "                loss of hidden tokens in bits per base (CSV or FASTA)\n"
    "  --variants    a VCF whose INFO holds a measured effect or a flag 0/1, against each score\n"
    "  --annotation  what annotate wrote, against known transcription start sites";

constexpr const char* kExamples =
    "  dnabird evaluate -m promoter-small --data dev.csv.gz --baselines --train train.csv.gz\n"
    "  dnabird evaluate -m promoter-small --masked-lm --data dev.csv.gz --train genome.fa.gz\n"
    "  dnabird evaluate -m promoter-small -f elements.fa --variants dev.vcf.gz \\\n"
    "      --truth INFO/EFFECT --min INFO/BARCODES:10\n"
    "  dnabird evaluate --annotation calls.bed --truth-bed start_sites.bed";

std::string format(const EvaluateReport& report, const EvaluateOptions& options) {
  std::string text = "#dnabird=" + std::string(kVersion) + "\n#command=" + command_line() +
                     "\n#seed=" + std::to_string(options.common.seed) +
                     " resamples=" + std::to_string(options.resamples) + "\n";
  for (const std::string& line : report.provenance) text += "#" + line + "\n";
  text += "model\tgroup\ttarget\tmetric\tvalue\tci_low\tci_high\tn\n";
  for (const EvaluateReport::Row& row : report.rows) {
    const train::Metric& m = row.metric;
    text += row.model + "\t" + m.group + "\t" + m.target + "\t" + m.name + "\t" +
            format_number(m.value) + "\t" + format_number(m.interval.low) + "\t" +
            format_number(m.interval.high) + "\t" + std::to_string(m.n) + "\n";
  }
  return text;
}

void declare(OptionParser& parser, EvaluateOptions& o) {
  parser.add("data", &o.data,
             "sequences to evaluate on: CSV, or FASTA with --masked-lm (may be repeated)");
  parser.add("train", &o.train,
             "what the model was trained on: for baselines, the Markov model, and a warning if "
             "sequences are shared (may be repeated)");
  parser.add_flag("baselines", &o.baselines, "add GC content and k-mer regression (needs --train)");
  parser.add_flag("masked-lm", &o.masked_lm,
                  "loss of hidden tokens; with --train beside an order-5 Markov model");
  parser.add("predictions", &o.predictions, "write the outputs for each sequence or allele here");
  parser.add("reference,f", &o.reference, "FASTA of the variants");
  parser.add("variants", &o.variants, "VCF or BCF with the truth in INFO");
  parser.add("truth", &o.truth, "INFO/TAG that holds the truth, one number per record");
  parser.add_flag("scored", &o.scored, "the VCF holds the scores already (dnabird score wrote it)");
  parser.add("min", &o.minima, "INFO/TAG:NUMBER: leave out records below it (may be repeated)");
  parser.add("positive-threshold", &o.positive_threshold,
             "AUROC: |truth| above it is a positive; 0: AUROC only of flags 0/1");
  parser.add("annotation", &o.annotation, "BED that dnabird annotate wrote");
  parser.add("truth-bed", &o.truth_bed, "BED of transcription start sites");
  parser.add("thresholds", &o.thresholds, "probabilities from which a call counts");
  parser.add("resamples", &o.resamples, "bootstrap resamples, 0 = no intervals");
  parser.add_common(&o.common, OptionParser::kModel | OptionParser::kOutput |
                                   OptionParser::kDevice | OptionParser::kSeed);
}

}  // namespace

std::string format_number(double value) {
  if (std::isnan(value)) return ".";
  char text[40];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

void EvaluateReport::add(const std::string& model, const std::vector<train::Metric>& metrics) {
  for (const train::Metric& metric : metrics) rows.push_back({model, metric});
}

int run_evaluate(const std::vector<std::string>& arguments) {
  EvaluateOptions options;
  OptionParser parser("dnabird evaluate [options] -m MODEL --data FILE.csv.gz", kDescription,
                      kExamples);
  declare(parser, options);
  if (!parser.parse(arguments)) return 0;
  if (options.resamples < 0) throw core::UsageError("--resamples: expected 0 or more");
  const int kinds = (options.data.empty() ? 0 : 1) + (options.variants.empty() ? 0 : 1) +
                    (options.annotation.empty() ? 0 : 1);
  if (kinds != 1) {
    throw core::UsageError("evaluate needs one of --data, --variants and --annotation");
  }
  io::TextOutput output(options.common.output);  // a path that cannot be written is seen now
  EvaluateReport report;
  if (!options.data.empty()) evaluate_sequences(options, report);
  if (!options.variants.empty()) evaluate_variants(options, report);
  if (!options.annotation.empty()) evaluate_annotation(options, report);
  output.write(format(report, options));
  output.commit();
  return 0;
}

}  // namespace dnabird::pipelines
