// dnabird score: what a DNA language model makes of the variants of a VCF.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/fasta.h"
#include "io/vcf.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/fasta_genome.h"
#include "pipelines/model_files.h"
#include "pipelines/nearest_name.h"
#include "pipelines/score_run.h"
#include "pipelines/score_tally.h"
#include "predict/variant_scorer.h"

namespace dnabird::pipelines {
namespace {

constexpr const char* kDescription =
    "Scores every alternate allele of a VCF or BCF with a DNA language model. All records are\n"
    "kept, in order, untouched but for INFO; standard input and output are named -. One value\n"
    "for each ALT:\n"
    "  DNABIRD_LLR     log-likelihood of the alternate over the reference allele, natural log, "
    "both\n"
    "                  strands averaged, every token that the allele touches masked; negative: "
    "the\n"
    "                  alternate is less plausible\n"
    "  DNABIRD_PROM    promoter log-odds, alternate minus reference, of the most promoter-like\n"
    "                  window and strand that hold the variant\n"
    "  DNABIRD_DIST    cosine distance of the pooled embeddings of the two haplotypes\n"
    "  DNABIRD_STATUS  OK, or why there is no number (the others are . then):\n"
    "    SYMBOLIC      <...>, *, a breakend or .\n"
    "    NO_CONTIG     the FASTA has no such contig (chr1 / 1 and chrM / MT count as one)\n"
    "    OUT_OF_RANGE  POS lies outside of the contig\n"
    "    REF_MISMATCH  REF differs from the FASTA or runs past the contig's end; letter case "
    "aside,\n"
    "                  and an IUPAC code stands for each of its bases\n"
    "    TOO_LONG      the longer allele exceeds a quarter of the model's window\n"
    "    N_RICH        the allele, or more than a tenth of the window's part of the contig, is "
    "not\n"
    "                  A C G T\n"
    "Equal alleles that are written differently (padded, not left-aligned) get equal scores.";

constexpr const char* kExamples =
    "  dnabird score -f GRCh38.fa in.vcf.gz -o out.vcf.gz\n"
    "  dnabird score -f GRCh38.fa -r chr20:1000000-2000000 in.bcf -O b -o out.bcf\n"
    "  dnabird score -f GRCh38.fa --device cuda:all in.vcf.gz -o out.vcf.gz\n"
    "  bcftools view -m2 -M2 in.vcf.gz | dnabird score -m my_model -f GRCh38.fa - > out.vcf";

struct Options {
  CommonOptions common;
  std::string reference, output_type, scores, check_ref = "warn";
  io::VariantFilter filter;
  std::vector<std::string> inputs;
};

void declare(OptionParser& parser, Options& o) {
  parser.add("reference,f", &o.reference, "FASTA that the variants refer to, plain or bgzip");
  parser.add("regions,r", &o.filter.regions, "only these, through the index: chr1:100-200,chr2");
  parser.add("regions-file,R", &o.filter.regions_file, "the same from a BED or tab file");
  parser.add("targets,t", &o.filter.targets, "only these, by reading all: chr1:100-200,chr2");
  parser.add("targets-file,T", &o.filter.targets_file, "the same from a BED or tab file");
  parser.add("output-type,O", &o.output_type,
             "v VCF, z VCF with bgzip, u BCF not compressed, b BCF; the output's suffix wins");
  parser.add("scores", &o.scores,
             "some of llr,prom,dist; left out: all that the model has heads for");
  parser.add("check-ref", &o.check_ref,
             "where REF differs from the FASTA: warn (no score, status REF_MISMATCH, one warning "
             "with their number), skip (the same without the warning), exit (stop at the first)");
  parser.add_common(&o.common, OptionParser::kModel | OptionParser::kOutput |
                                   OptionParser::kDevices | OptionParser::kSeed);
  parser.add_positional("IN.vcf.gz", &o.inputs, 1, 1);
}

CheckRef parse_check_ref(const std::string& text) {
  if (text == "warn") return CheckRef::warn;
  if (text == "exit") return CheckRef::exit;
  if (text == "skip") return CheckRef::skip;
  throw core::UsageError("--check-ref '" + text + "': expected warn, exit or skip");
}

char parse_output_type(const std::string& text) {
  if (text.empty()) return 0;
  if (text.size() == 1 && std::string("vzub").find(text[0]) != std::string::npos) return text[0];
  throw core::UsageError("-O '" + text +
                         "': expected v (VCF), z (VCF, bgzip), u (BCF, not compressed) or b (BCF)");
}

/// None: all that the model allows for.
std::optional<predict::ScoreSet> parse_scores(const std::string& text) {
  if (text.empty()) return std::nullopt;
  predict::ScoreSet scores{false, false, false};
  for (const std::string& name : core::split(text, ',')) {
    if (name == "llr") {
      scores.log_likelihood_ratio = true;
    } else if (name == "prom") {
      scores.promoter = true;
    } else if (name == "dist") {
      scores.distance = true;
    } else {
      throw core::UsageError("--scores: '" + name + "' is not a score" +
                             did_you_mean(name, {"llr", "prom", "dist"}) +
                             "; expected some of llr,prom,dist");
    }
  }
  return scores;
}

/// Why scores that are wanted cannot be had from this model; empty if all can.
std::string describe_missing(const predict::ScoreSet& wanted, const LoadedModel& loaded) {
  const predict::ScoreSet available = predict::available_scores(loaded.model->config());
  std::string text;
  if (wanted.log_likelihood_ratio && !available.log_likelihood_ratio) {
    text += "no DNABIRD_LLR: the model '" + loaded.name + "' has no masked-token head";
  }
  if (wanted.promoter && !available.promoter) {
    text += std::string(text.empty() ? "" : "; ") + "no DNABIRD_PROM: the model '" + loaded.name +
            "' has no promoter head (a class 'promoter')";
  }
  return text;
}

predict::ScoreSet choose_scores(const std::optional<predict::ScoreSet>& asked,
                                const LoadedModel& loaded) {
  if (!asked) return predict::available_scores(loaded.model->config());
  const std::string missing = describe_missing(*asked, loaded);
  if (!missing.empty()) {
    throw core::UsageError("--scores: " + missing + "; leave it out, or choose another model");
  }
  return *asked;
}

/// Of bgzip; one is ahead of what the scorer needs.
int io_threads(const Options& options) { return options.common.threads == 1 ? 1 : 2; }

std::vector<io::InfoField> info_fields(const predict::ScoreSet& scores, std::int64_t window) {
  const std::string bases = std::to_string(window) + " bases";
  std::vector<io::InfoField> fields;
  if (scores.log_likelihood_ratio) {
    fields.push_back({"DNABIRD_LLR", "A", "Float",
                      "Log-likelihood of the alternate over the reference allele: natural log, sum "
                      "over the tokens that touch the allele, all of them masked in a window of " +
                          bases +
                          " around it, divided by the tokens that cover a base, mean of both "
                          "strands; negative: the alternate is less plausible"});
  }
  if (scores.promoter) {
    fields.push_back(
        {"DNABIRD_PROM", "A", "Float",
         "Change of the promoter log-odds (natural log), alternate minus reference, in "
         "the window of " +
             bases +
             " and on the strand with the largest log-odds of those that hold the "
             "reference allele and begin at a multiple of a sixth of a window"});
  }
  if (scores.distance) {
    fields.push_back(
        {"DNABIRD_DIST", "A", "Float",
         "Cosine distance of the mean-pooled embeddings of both haplotypes in a window "
         "of " +
             bases + " around the allele, mean of both strands"});
  }
  fields.push_back({"DNABIRD_STATUS", "A", "String",
                    "OK, or why the allele has no score: REF_MISMATCH, NO_CONTIG, SYMBOLIC, "
                    "TOO_LONG (more than a quarter of a window), N_RICH (the allele or more than a "
                    "tenth of the window is not A C G T), OUT_OF_RANGE"});
  return fields;
}

io::VariantWriterOptions writer_options(const Options& options, const LoadedModel& loaded,
                                        const predict::ScoreSet& scores, const io::Fasta& fasta) {
  io::VariantWriterOptions result;
  result.path = options.common.output;
  result.format = parse_output_type(options.output_type);
  result.threads = io_threads(options);
  result.info =
      info_fields(scores, predict::score_window_bases(loaded.model->config(), *loaded.tokenizer));
  result.lines = {"##dnabirdVersion=" + std::string(kVersion), "##dnabirdCommand=" + command_line(),
                  "##dnabirdModel=" + identity_of(loaded),
                  "##dnabirdSeed=" + std::to_string(options.common.seed)};
  for (const std::string& contig : fasta.contigs()) {
    result.contigs.push_back({contig, fasta.length(contig)});
  }
  return result;
}

/// Those that do what comes before the model. A device has not asked for more than four yet.
std::size_t preparing_threads(const Options& options, std::size_t n_devices) {
  constexpr std::size_t kMostOfADevice = 4;
  const std::size_t threads = options.common.threads > 0
                                  ? static_cast<std::size_t>(options.common.threads)
                                  : std::thread::hardware_concurrency();
  return std::clamp<std::size_t>(threads, 1, kMostOfADevice * n_devices);
}

using KernelSets = std::vector<std::unique_ptr<kernels::KernelSet>>;

/// Which device scores a record hangs on the speed of all, so their numbers should be the same.
void warn_of_unlike_gpus(const KernelSets& devices) {
  const kernels::KernelSet& first = *devices[0];
  for (const auto& device : devices) {
    // Parts of the CPU compute alike, whatever their threads.
    if (device->name() == "cpu" || device->description() == first.description()) continue;
    core::log_warning("GPUs of different kinds (" + first.name() + ": " + first.description() +
                      "; " + device->name() + ": " + device->description() +
                      "): the last digits of scores may differ from run to run");
    return;
  }
}

/// The same on each device.
std::vector<LoadedModel> load_models(const KernelSets& devices, const CommonOptions& common) {
  std::vector<LoadedModel> models;
  for (const auto& device : devices) {
    models.push_back(load_model(*device, common.model.empty() ? kDefaultModel : common.model,
                                common.random_blocks));
  }
  return models;
}

/// `seconds` in all, of which the scorers were in the model for a part.
void say_rate(const ScoreTally& tally, double seconds,
              const std::deque<predict::VariantScorer>& scorers) {
  if (seconds <= 0) return;
  const double hourly = static_cast<double>(tally.alleles()) / seconds * 3600;
  core::log_info(core::with_commas(static_cast<std::int64_t>(hourly)) + " alleles an hour");
  double model_seconds = 0;
  for (const predict::VariantScorer& scorer : scorers) model_seconds += scorer.model_seconds();
  const auto n = static_cast<double>(scorers.size());
  char share[64];
  std::snprintf(share, sizeof share, "%.1f %% of the time outside the encoder and its heads",
                100 * (1 - model_seconds / n / seconds));
  core::log_detail(share + (scorers.size() == 1
                                ? ""
                                : ", mean of " + std::to_string(scorers.size()) + " devices"));
}

}  // namespace

int run_score(const std::vector<std::string>& arguments) {
  Options options;
  OptionParser parser("dnabird score [options] -f REF.fa IN.vcf.gz", kDescription, kExamples);
  declare(parser, options);
  if (!parser.parse(arguments)) return 0;
  // What a user can have mistyped comes before files are opened.
  if (options.reference.empty()) {
    throw core::UsageError("missing option --reference (-f): the FASTA that the variants refer to");
  }
  const CommonOptions& common = options.common;
  const CheckRef check_ref = parse_check_ref(options.check_ref);
  const std::optional<predict::ScoreSet> asked = parse_scores(options.scores);
  parse_output_type(options.output_type);
  const KernelSets devices = core::open_devices(common.device, common.precision, common.threads);
  warn_of_unlike_gpus(devices);
  const std::vector<LoadedModel> models = load_models(devices, common);
  const predict::ScoreSet scores = choose_scores(asked, models[0]);

  const io::Fasta fasta(options.reference);
  const FastaGenome genome(fasta);
  std::deque<predict::VariantScorer> scorers;
  for (const LoadedModel& loaded : models) {
    scorers.emplace_back(*loaded.model, *loaded.tokenizer, genome,
                         predict::VariantScorerOptions{scores, common.batch_size});
  }
  io::VariantReader reader(options.inputs[0], options.filter, io_threads(options));
  io::VariantWriter writer(reader, writer_options(options, models[0], scores, fasta));
  ScoreTally tally(fasta);
  const auto started = std::chrono::steady_clock::now();
  score_all({reader, writer, scorers, scores, check_ref, fasta,
             preparing_threads(options, devices.size())},
            tally);
  writer.commit();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();

  tally.warn(check_ref == CheckRef::skip ? ScoreTally::Mismatches::passed_over
                                         : ScoreTally::Mismatches::warned_of);
  const std::string missing = asked ? "" : describe_missing({}, models[0]);
  if (!missing.empty()) core::log_info(missing);
  say_rate(tally, seconds, scorers);
  core::log_info(tally.counts());
  return 0;
}

}  // namespace dnabird::pipelines
