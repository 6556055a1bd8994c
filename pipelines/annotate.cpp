// dnabird annotate: promoters of a genome, both strands.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/fasta.h"
#include "io/output_file.h"
#include "io/region_set.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/model_files.h"
#include "predict/promoter_scanner.h"

namespace dnabird::pipelines {
namespace {

using core::DataError;
using core::UsageError;
using predict::PromoterPeak;
using predict::PromoterScanner;

constexpr const char* kDescription =
    "Finds promoters in a FASTA (plain, gzip or bgzip; - is standard input), on both strands, and\n"
    "writes BED: contig, begin, end, name, score 0 to 1000, strand, probability, start site\n"
    "(0-based). Each window of the model's length, one every --stride bases, is read on both\n"
    "strands; those with more than a tenth N are skipped. Windows of at least --threshold that\n"
    "begin less than a window apart are merged into the best of them. With -r or -R (FASTA with\n"
    "an index, plain or bgzip) the windows that share a base with a region are read.";

constexpr const char* kExamples =
    "  dnabird annotate genome.fa.gz -o promoters.bed\n"
    "  dnabird annotate -r chr20:1,000,001-2,000,000 --threshold 0.999 genome.fa.gz\n"
    "  samtools faidx genome.fa chr20 | dnabird annotate - -o chr20.bed.gz";

struct Options {
  CommonOptions common;
  std::int64_t stride = 0;
  double threshold = 0.99;  // along a genome promoters are rarer than in what heads learn from
  std::string regions, regions_file;
  std::vector<std::string> inputs;
};

void declare(OptionParser& parser, Options& o) {
  parser.add("threshold", &o.threshold,
             "least probability of a promoter; heads learn from about as many promoters as others, "
             "along a genome they are rare: a low threshold calls far too many");
  parser.add("stride", &o.stride, "bases from one window to the next; 0 = a twelfth of a window");
  parser.add("regions,r", &o.regions, "chr1:1001-2000,chr2: only there (needs an index)");
  parser.add("regions-file,R", &o.regions_file, "the same from a BED file");
  parser.add_common(&o.common, OptionParser::kModel | OptionParser::kOutput |
                                   OptionParser::kDevice | OptionParser::kSeed);
  parser.add_positional("GENOME.fa", &o.inputs, 1, 1);
}

/// How the model's windows are laid out and read.
predict::ScanOptions scan_options(const Options& options, const LoadedModel& loaded) {
  const model::ModelConfig& config = loaded.model->config();
  if (!predict::promoter_class(config)) {
    throw DataError("model '" + loaded.path +
                    "' does not tell promoters from the rest (it has no class 'promoter'); "
                    "fine-tune it with dnabird finetune --task promoter");
  }
  predict::ScanOptions scan;
  scan.rules.window =
      config.window_bases > 0 ? config.window_bases : loaded.tokenizer->n_bases(config.positions);
  scan.rules.tss_offset = config.tss_offset;
  if (config.tss_offset < 0) {
    scan.rules.tss_offset = scan.rules.window / 2;
    core::log_warning("model '" + loaded.path +
                      "' does not say where in its window the start site lies (tss_offset): the "
                      "middle is given");
  } else if (config.tss_offset >= scan.rules.window) {
    throw DataError("'" + loaded.path + "/config.json': tss_offset " +
                    std::to_string(config.tss_offset) + " lies outside the window of " +
                    std::to_string(scan.rules.window) + " bases");
  }
  const double p = options.threshold;
  scan.rules.least_log_odds = std::log(p / (1 - p));
  scan.stride =
      options.stride == 0 ? std::max<std::int64_t>(1, scan.rules.window / 12) : options.stride;
  return scan;
}

std::string format_probability(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string header(const Options& options, const LoadedModel& loaded,
                   const predict::ScanOptions& scan) {
  return "#dnabird=" + std::string(kVersion) + "\n#command=" + command_line() +
         "\n#model=" + identity_of(loaded) + "\n#seed=" + std::to_string(options.common.seed) +
         "\n#window=" + std::to_string(scan.rules.window) +
         " tss_offset=" + std::to_string(scan.rules.tss_offset) +
         " stride=" + std::to_string(scan.stride) +
         " threshold=" + format_probability(options.threshold) +
         "\n#contig\tbegin\tend\tname\tscore\tstrand\tprobability\tstart_site\n";
}

/// Writes the lines and counts them. The header comes with the first contig: an input that cannot
/// be read leaves nothing on standard output.
class BedWriter {
 public:
  BedWriter(const std::string& path, std::string header)
      : output_(path), text_(std::move(header)) {}

  void write(const std::string& contig, const std::vector<PromoterPeak>& peaks) {
    for (const PromoterPeak& peak : peaks) {
      const double probability = 1 / (1 + std::exp(-peak.log_odds));
      text_ += contig + "\t" + std::to_string(peak.begin) + "\t" + std::to_string(peak.end) +
               "\tpromoter_" + std::to_string(++n_peaks_) + "\t" +
               std::to_string(std::lround(1000 * probability)) + "\t" + peak.strand + "\t" +
               format_probability(probability) + "\t" + std::to_string(peak.start_site) + "\n";
    }
    output_.write(text_);
    text_.clear();
  }

  void commit() { output_.commit(); }
  std::int64_t n_peaks() const { return n_peaks_; }

 private:
  io::TextOutput output_;
  std::string text_;
  std::int64_t n_peaks_ = 0;
};

struct InputCounts {
  std::int64_t contigs = 0, bases = 0;
};

/// One contig after the other; each is held in memory.
InputCounts annotate_all(const std::string& path, PromoterScanner& scanner, BedWriter& writer) {
  InputCounts counts;
  io::SequenceReader reader(path);
  core::Progress progress("annotate", "bases", 0);
  for (io::NamedSequence contig; reader.next(contig);) {
    const auto n_bases = static_cast<std::int64_t>(contig.bases.size());
    const auto fetch = [&](std::int64_t begin, std::int64_t end) {
      std::string bases = contig.bases.substr(begin, end - begin);
      bases.resize(end - begin, 'N');
      return bases;
    };
    const PromoterScanner::Span whole(0, n_bases);
    writer.write(contig.name,
                 scanner.scan(n_bases, std::span(&whole, 1), fetch, [&](std::int64_t at) {
                   progress.update(counts.bases + at, contig.name);
                 }));
    ++counts.contigs;
    counts.bases += n_bases;
  }
  return counts;
}

/// Regions by the FASTA's own names, cut to its contigs.
std::map<std::string, std::vector<PromoterScanner::Span>> regions_of(const Options& options,
                                                                     const io::Fasta& fasta) {
  std::map<std::string, std::vector<PromoterScanner::Span>> by_contig;
  const io::RegionSet regions(options.regions, options.regions_file);
  for (const auto& [name, intervals] : regions.by_contig()) {
    const std::optional<std::string> contig = fasta.resolve(name);
    if (!contig) {
      throw DataError("region '" + name + "': '" + fasta.path() + "' has no such contig; it has " +
                      fasta.contigs()[0] + (fasta.contigs().size() > 1 ? ", ..." : ""));
    }
    const std::int64_t length = fasta.length(*contig);
    for (const io::Interval& interval : intervals) {
      if (interval.begin >= length) {
        throw DataError("region '" + name + ":" + std::to_string(interval.begin + 1) +
                        "': the contig ends at " + std::to_string(length));
      }
      by_contig[*contig].emplace_back(interval.begin, std::min(interval.end, length));
    }
  }
  for (auto& [contig, spans] : by_contig) std::sort(spans.begin(), spans.end());
  return by_contig;
}

InputCounts annotate_regions(const Options& options, PromoterScanner& scanner, BedWriter& writer) {
  const io::Fasta fasta(options.inputs[0]);
  const auto by_contig = regions_of(options, fasta);
  std::int64_t total = 0;
  for (const auto& [contig, spans] : by_contig) {
    for (const auto& [begin, end] : spans) total += end - begin;
  }
  InputCounts counts;
  core::Progress progress("annotate", "bases", total);
  for (const std::string& contig : fasta.contigs()) {
    const auto found = by_contig.find(contig);
    if (found == by_contig.end()) continue;
    const auto fetch = [&](std::int64_t begin, std::int64_t end) {
      return fasta.fetch(contig, begin, end);
    };
    writer.write(contig, scanner.scan(fasta.length(contig), found->second, fetch));
    ++counts.contigs;
    for (const auto& [begin, end] : found->second) counts.bases += end - begin;
    progress.update(counts.bases, contig);
  }
  return counts;
}

}  // namespace

int run_annotate(const std::vector<std::string>& arguments) {
  Options options;
  OptionParser parser("dnabird annotate [options] GENOME.fa", kDescription, kExamples);
  declare(parser, options);
  if (!parser.parse(arguments)) return 0;
  if (!(options.threshold > 0 && options.threshold < 1)) {
    throw UsageError("--threshold: " + std::to_string(options.threshold) +
                     " is not a probability between 0 and 1");
  }
  const bool in_regions = !options.regions.empty() || !options.regions_file.empty();
  if (in_regions && options.inputs[0] == "-") {
    throw UsageError("--regions needs a FASTA file with an index, not standard input");
  }
  const CommonOptions& common = options.common;
  const auto kernels = core::open_device(common.device, common.precision, common.threads);
  const LoadedModel loaded = load_model(
      *kernels, common.model.empty() ? kDefaultModel : common.model, common.random_blocks);
  const predict::ScanOptions scan = scan_options(options, loaded);
  const predict::WindowBatcher batcher(*loaded.model, common.batch_size);
  PromoterScanner scanner(batcher, *loaded.tokenizer, scan);
  BedWriter writer(common.output, header(options, loaded, scan));
  const InputCounts counts = in_regions ? annotate_regions(options, scanner, writer)
                                        : annotate_all(options.inputs[0], scanner, writer);
  writer.commit();
  const predict::ScanCounts& windows = scanner.counts();
  core::log_info(core::with_commas(counts.contigs) + " contigs, " +
                 core::with_commas(counts.bases) + " bases, " +
                 core::with_commas(windows.scored + windows.skipped) +
                 " windows: " + core::with_commas(windows.scored) + " scored on both strands, " +
                 core::with_commas(windows.skipped) + " skipped for N; " +
                 core::with_commas(writer.n_peaks()) + " promoters");
  return 0;
}

}  // namespace dnabird::pipelines
