// dnabird embed: sequences, regions or variants as vectors.
#include <algorithm>
#include <climits>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/fasta.h"
#include "io/intervals.h"
#include "io/region_set.h"
#include "io/vcf.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/embedding_writer.h"
#include "pipelines/fasta_genome.h"
#include "pipelines/model_files.h"
#include "pipelines/nearest_name.h"
#include "pipelines/score_tally.h"
#include "pipelines/sequence_input.h"
#include "predict/embedder.h"
#include "predict/variant_scorer.h"
#include "seq/alphabet.h"

namespace dnabird::pipelines {
namespace {

using core::DataError;
using core::UsageError;
using predict::Pool;

constexpr const char* kDescription =
    "Turns sequences into vectors: what a model makes of them in its last layer. In the order of\n"
    "the input, one for each\n"
    "  sequence  of FASTA, FASTQ (also on standard input, -) or CSV with a column 'sequence'\n"
    "  region    of -r or -R, of one FASTA with an index; on the strand that a BED gives\n"
    "  allele    of a VCF or BCF, with -f: the window that score cuts for DNABIRD_DIST, with the\n"
    "            allele in its middle, forward strand; nan where score has a status but OK\n"
    "The name of -o says how: .npy an array (sequences, C) of float32; .safetensors, for --pool\n"
    "tokens, a tensor (tokens, C) under the name of each; else text, tab-separated: name and C\n"
    "numbers.";

constexpr const char* kExamples =
    "  dnabird embed -m promoter-small promoters.fa -o promoters.npy\n"
    "  dnabird embed --pool tokens train.csv.gz -o train.safetensors\n"
    "  dnabird embed -R promoters.bed genome.fa -o promoters.tsv\n"
    "  dnabird embed -f GRCh38.fa --allele ref in.vcf.gz -o reference.npy";

// Sequences are run together up to so many tokens; results do not hang on it.
constexpr std::int64_t kTokensAtOnce = 1 << 15;
constexpr std::size_t kNamesAtOnce = 1 << 12;  // with or without tokens

struct Options {
  CommonOptions common;
  std::string pool = "mean", regions, regions_file, reference, allele;
  std::vector<std::string> inputs;

  bool has_regions() const { return !regions.empty() || !regions_file.empty(); }
};

void declare(OptionParser& parser, Options& o) {
  parser.add("pool", &o.pool,
             "mean (over the tokens, [CLS] and [SEP] left out), cls (the state of [CLS]) or tokens "
             "(the states of all of them)");
  parser.add("regions,r", &o.regions, "chr1:1001-2000,chr2:500-900: these (needs an index)");
  parser.add("regions-file,R", &o.regions_file,
             "the same from a BED (with names and strands) or tab file");
  parser.add("reference,f", &o.reference, "FASTA that the variants of a VCF or BCF refer to");
  parser.add("allele", &o.allele,
             "with -f: the haplotype in the window, alt or ref; left out: alt");
  parser.add_common(&o.common, OptionParser::kModel | OptionParser::kOutput |
                                   OptionParser::kDevice | OptionParser::kSeed);
  parser.add_positional("SEQUENCES", &o.inputs, 1, INT_MAX);
}

Pool parse_pool(const std::string& text) {
  if (text == "mean") return Pool::mean;
  if (text == "cls") return Pool::cls;
  if (text == "tokens") return Pool::tokens;
  throw UsageError("--pool '" + text + "': expected mean, cls or tokens" +
                   did_you_mean(text, {"mean", "cls", "tokens"}));
}

seq::Haplotype parse_allele(const std::string& text) {
  if (text.empty() || text == "alt") return seq::Haplotype::alternate;
  if (text == "ref") return seq::Haplotype::reference;
  throw UsageError("--allele '" + text + "': expected alt or ref");
}

bool is_named_as_variants(const std::string& path) {
  return path.ends_with(".vcf") || path.ends_with(".vcf.gz") || path.ends_with(".bcf");
}

/// What can be wrong before a file is opened.
void check(const Options& options, Pool pool) {
  check_embedding_path(options.common.output, pool);
  const std::vector<std::string>& inputs = options.inputs;
  parse_allele(options.allele);
  if (options.reference.empty()) {
    if (!options.allele.empty()) throw UsageError("--allele needs --reference (-f)");
    const auto variants = std::find_if(inputs.begin(), inputs.end(), is_named_as_variants);
    if (variants != inputs.end()) {
      throw UsageError("'" + *variants +
                       "' holds variants: give --reference (-f), the FASTA that they refer to");
    }
    if (options.has_regions() && inputs[0] == "-") {
      throw UsageError("--regions needs a FASTA file with an index, not standard input");
    }
  }
  if ((options.has_regions() || !options.reference.empty()) && inputs.size() > 1) {
    throw UsageError("with --regions or --reference there is one input; unexpected argument '" +
                     inputs[1] + "'");
  }
}

/// Everything from a sequence to the file, in order.
class Run {
 public:
  Run(const predict::Embedder& embedder, EmbeddingWriter& writer)
      : embedder_(embedder), writer_(writer) {
    progress_.emplace("embed", "sequences", 0);
  }

  /// `where` names it in messages.
  void add(const std::string& name, const std::string& where, const std::string& bases) {
    writer_.expect(name, where);
    if (bases.find_first_of("ACGTacgt") == std::string::npos && n_blank_++ == 0) blank_ = where;
    pending_.push_back({name, true});
    tokens_.push_back(embedder_.tokenize(bases, where));
    n_pending_ += static_cast<std::int64_t>(tokens_.back().size());
    ++n_sequences_;
    n_bases_ += static_cast<std::int64_t>(bases.size());
    n_tokens_ += static_cast<std::int64_t>(tokens_.back().size());
    flush_if_full();
  }
  /// What has no vector.
  void add_missing(const std::string& name, const std::string& where) {
    writer_.expect(name, where);
    pending_.push_back({name, false});
    flush_if_full();
  }
  void finish() {
    flush();
    progress_.reset();
    writer_.commit();
    if (n_blank_ > 0) {
      core::log_warning(core::with_commas(n_blank_) + " without any A, C, G or T (first: " +
                        blank_ + "): such a vector tells of its length alone");
    }
  }

  std::string counts(const std::string& what) const {
    return core::with_commas(n_sequences_) + " " + what + ", " + core::with_commas(n_bases_) +
           " bases, " + core::with_commas(n_tokens_) + " tokens";
  }

 private:
  struct Pending {
    std::string name;
    bool has_tokens;
  };

  void flush_if_full() {
    if (n_pending_ >= kTokensAtOnce || pending_.size() >= kNamesAtOnce) flush();
  }

  void flush() {
    const std::vector<std::vector<float>> values =
        tokens_.empty() ? std::vector<std::vector<float>>() : embedder_.embed(tokens_);
    std::size_t next = 0;
    for (const Pending& pending : pending_) {
      writer_.write(pending.name, pending.has_tokens ? values[next++] : std::vector<float>());
    }
    pending_.clear();
    tokens_.clear();
    n_pending_ = 0;
    progress_->update(n_sequences_);
  }

  const predict::Embedder& embedder_;
  EmbeddingWriter& writer_;
  std::optional<core::Progress> progress_;
  std::vector<Pending> pending_;
  std::vector<predict::Tokens> tokens_;  // of those that have some
  std::int64_t n_pending_ = 0;           // tokens
  std::int64_t n_sequences_ = 0, n_bases_ = 0, n_tokens_ = 0;
  std::int64_t n_blank_ = 0;  // sequences that name no base
  std::string blank_;         // the first of them
};

void embed_sequences(const std::vector<std::string>& paths, Run& run) {
  for (const std::string& path : paths) {
    for_each_sequence(path, [&](const io::NamedSequence& sequence) {
      run.add(sequence.name, "'" + path + "': sequence '" + sequence.name + "'", sequence.bases);
    });
  }
}

std::vector<io::Interval> regions_of(const Options& options) {
  std::vector<io::Interval> regions;
  if (!options.regions.empty()) regions = io::parse_regions(options.regions);
  if (!options.regions_file.empty()) {
    const std::vector<io::Interval> more = io::read_region_file(options.regions_file);
    regions.insert(regions.end(), more.begin(), more.end());
  }
  return regions;
}

void embed_regions(const Options& options, Run& run) {
  const std::vector<io::Interval> regions = regions_of(options);
  const io::Fasta fasta(options.inputs[0]);
  for (const io::Interval& region : regions) {
    const std::optional<std::string> contig = fasta.resolve(region.contig);
    if (!contig) {
      throw DataError("region '" + region.contig + "': '" + fasta.path() +
                      "' has no such contig; it has " + fasta.contigs()[0] +
                      (fasta.contigs().size() > 1 ? ", ..." : ""));
    }
    const std::int64_t length = fasta.length(*contig);
    const std::int64_t end = std::min(region.end, length);
    const std::string place =
        region.contig + ":" + std::to_string(region.begin + 1) + "-" + std::to_string(end);
    if (region.begin >= length) {
      throw DataError("region '" + region.contig + ":" + std::to_string(region.begin + 1) +
                      "': the contig ends at " + std::to_string(length));
    }
    std::string bases = fasta.fetch(*contig, region.begin, end);
    if (region.strand == '-') bases = seq::reverse_complement(bases);
    const std::string& name = region.name.empty() ? place : region.name;
    run.add(name, "region '" + (name == place ? place : place + " (" + name + ")") + "'", bases);
  }
}

void embed_variants(const Options& options, const LoadedModel& loaded, Run& run) {
  const io::Fasta fasta(options.reference);
  const FastaGenome genome(fasta);
  const std::int64_t n_bases =
      predict::score_window_bases(loaded.model->config(), *loaded.tokenizer);
  predict::AlleleChecker checker(genome, *loaded.tokenizer, n_bases);
  const seq::Haplotype haplotype = parse_allele(options.allele);
  io::VariantReader reader(options.inputs[0],
                           {.regions = options.regions, .regions_file = options.regions_file},
                           options.common.threads == 1 ? 1 : 2);
  ScoreTally tally(fasta);
  for (io::VariantRecord record; reader.next(record);) {
    const std::string site =
        record.contig() + ":" + std::to_string(record.position() + 1) + ":" + record.ref() + ":";
    const predict::Variant variant{record.contig(), record.position(), record.ref(), record.alts()};
    const auto windows = predict::allele_windows(checker, variant, haplotype, n_bases);
    std::vector<predict::AlleleScores> statuses;
    for (std::size_t a = 0; a < windows.size(); ++a) {
      const std::string name = site + record.alts()[a];
      const std::string where = "'" + options.inputs[0] + "': allele '" + name + "'";
      if (windows[a].status == predict::AlleleStatus::ok) {
        run.add(name, where, windows[a].bases);
      } else {
        run.add_missing(name, where);
      }
      statuses.push_back({windows[a].status, {}, {}, {}});
    }
    tally.add(record, statuses);
  }
  run.finish();
  tally.warn(ScoreTally::Mismatches::warned_of);
  core::log_info(tally.counts());
}

}  // namespace

int run_embed(const std::vector<std::string>& arguments) {
  Options options;
  OptionParser parser("dnabird embed [options] SEQUENCES... -o OUT.npy", kDescription, kExamples);
  declare(parser, options);
  if (!parser.parse(arguments)) return 0;
  const Pool pool = parse_pool(options.pool);
  check(options, pool);
  const CommonOptions& common = options.common;
  const auto kernels = core::open_device(common.device, common.precision, common.threads);
  const LoadedModel loaded = load_model(
      *kernels, common.model.empty() ? kDefaultModel : common.model, common.random_blocks);
  const predict::Embedder embedder(*loaded.model, *loaded.tokenizer, pool, common.batch_size);
  const std::unique_ptr<EmbeddingWriter> writer =
      open_embedding_writer({common.output,
                             pool,
                             embedder.channels(),
                             {{"dnabird", kVersion},
                              {"command", command_line()},
                              {"model", identity_of(loaded)},
                              {"seed", std::to_string(common.seed)},
                              {"pool", options.pool}}});
  Run run(embedder, *writer);
  std::string what = "sequences";
  if (!options.reference.empty()) {
    embed_variants(options, loaded, run);
    what = "windows";
  } else if (options.has_regions()) {
    embed_regions(options, run);
    run.finish();
    what = "regions";
  } else {
    embed_sequences(options.inputs, run);
    run.finish();
  }
  core::log_info(run.counts(what) + ": " + std::to_string(embedder.channels()) +
                 " numbers each, of model " + identity_of(loaded));
  return 0;
}

}  // namespace dnabird::pipelines
