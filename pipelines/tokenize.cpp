// dnabird tokenize: sequences to token ids.
#include <climits>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/output_file.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/sequence_input.h"
#include "pipelines/tokenizer_files.h"
#include "seq/kmer_tokenizer.h"

namespace dnabird::pipelines {
namespace {

constexpr const char* kDescription =
    "Turns sequences into the ids that a model reads. Writes one line per sequence: name, number\n"
    "of tokens, ids, separated by blanks. FASTA and FASTQ (also on standard input, -) or CSV with\n"
    "a column 'sequence'; a row of a CSV is named by its column 'name', else by its number.";

constexpr const char* kExamples =
    "  dnabird tokenize -m promoter-small promoters.fa\n"
    "  dnabird tokenize --kmer 3 --stride 1 train.csv.gz -o tokens.txt\n"
    "  samtools faidx genome.fa chr20:1000001-1000300 | dnabird tokenize --kmer 6 -";

constexpr std::size_t kPieceBytes = 1 << 20;  // a chromosome's line is never held all at once

struct Options {
  CommonOptions common;
  int k = 0, stride = 0;
  std::vector<std::string> inputs;
};

std::unique_ptr<seq::Tokenizer> choose_tokenizer(const Options& options) {
  if (options.k != 0) {
    if (!options.common.model.empty()) {
      throw core::UsageError("--model and --kmer exclude each other: a model has its own k");
    }
    return std::make_unique<seq::KmerTokenizer>(options.k,
                                                options.stride == 0 ? 1 : options.stride);
  }
  if (options.stride != 0) throw core::UsageError("--stride needs --kmer");
  const std::string& name = options.common.model;
  return load_tokenizer(name.empty() ? kDefaultModel : name);
}

struct Counts {
  std::int64_t sequences = 0, bases = 0, tokens = 0, unknown = 0;
};

class TokenWriter : private seq::TokenSink {
 public:
  TokenWriter(const seq::Tokenizer& tokenizer, const std::string& path)
      : tokenizer_(tokenizer), output_(path) {}

  void write(const std::string& name, const std::string& bases) {
    line_ = field_of_name(name);
    tokenizer_.encode_to(bases, *this);
    output_.write("\n");
    ++counts_.sequences;
    counts_.bases += static_cast<std::int64_t>(bases.size());
  }

  Counts finish() {
    output_.commit();
    return counts_;
  }

 private:
  void begin(std::int64_t n_tokens) override {
    line_ += " " + std::to_string(n_tokens);
    counts_.tokens += n_tokens;
  }

  void add(std::span<const std::int32_t> ids) override {
    const std::int32_t unknown = tokenizer_.special().unknown;
    for (const std::int32_t id : ids) {
      line_ += ' ';
      line_ += std::to_string(id);
      counts_.unknown += id == unknown ? 1 : 0;
      if (line_.size() < kPieceBytes) continue;
      output_.write(line_);
      line_.clear();
    }
    output_.write(line_);
    line_.clear();
  }

  const seq::Tokenizer& tokenizer_;
  io::TextOutput output_;
  std::string line_;  // what is not written yet
  Counts counts_;
};

}  // namespace

int run_tokenize(const std::vector<std::string>& arguments) {
  Options options;
  OptionParser parser("dnabird tokenize [options] SEQUENCES...", kDescription, kExamples);
  parser.add("kmer", &options.k, "length of the k-mers, 1 to 8; 0 = as the model has it");
  parser.add("stride", &options.stride, "with --kmer: 1 (overlapping) or k; 0 = 1");
  parser.add_common(&options.common, OptionParser::kModel | OptionParser::kOutput);
  parser.add_positional("SEQUENCES", &options.inputs, 1, INT_MAX);
  if (!parser.parse(arguments)) return 0;
  const std::unique_ptr<seq::Tokenizer> tokenizer = choose_tokenizer(options);
  TokenWriter writer(*tokenizer, options.common.output);
  for (const std::string& path : options.inputs) {
    for_each_sequence(path, [&](const io::NamedSequence& sequence) {
      writer.write(sequence.name, sequence.bases);
    });
  }
  const Counts counts = writer.finish();
  core::log_info(core::with_commas(counts.sequences) + " sequences, " +
                 core::with_commas(counts.bases) + " bases, " + core::with_commas(counts.tokens) +
                 " tokens, of these " + core::with_commas(counts.unknown) + " unknown");
  return 0;
}

}  // namespace dnabird::pipelines
