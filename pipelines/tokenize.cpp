// dnabird tokenize: sequences to token ids.
#include <climits>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/output_file.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/model_files.h"
#include "pipelines/sequence_input.h"
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

constexpr std::int64_t kPieceBases = 1 << 20;  // a chromosome's ids are never held all at once

struct Options {
  CommonOptions common;
  int k = 0, stride = 0;
  std::vector<std::string> inputs;
};

seq::KmerTokenizer make_tokenizer(const Options& options) {
  if (options.k != 0) {
    if (!options.common.model.empty()) {
      throw core::UsageError("--model and --kmer exclude each other: a model has its own k");
    }
    return {options.k, options.stride == 0 ? 1 : options.stride};
  }
  if (options.stride != 0) throw core::UsageError("--stride needs --kmer");
  const std::string& name = options.common.model;
  return load_tokenizer(name.empty() ? kDefaultModel : name);
}

struct Counts {
  std::int64_t sequences = 0, bases = 0, tokens = 0, unknown = 0;
};

class TokenWriter {
 public:
  TokenWriter(const seq::KmerTokenizer& tokenizer, const std::string& path)
      : tokenizer_(tokenizer), output_(path) {}

  void write(const std::string& name, const std::string& bases) {
    const auto n_bases = static_cast<std::int64_t>(bases.size());
    const std::int64_t n_tokens = tokenizer_.n_tokens(n_bases);
    line_ = field_of_name(name) + " " + std::to_string(n_tokens) + " " + std::to_string(seq::kCls);
    const std::int64_t step = kPieceBases / tokenizer_.stride() * tokenizer_.stride();
    // Pieces overlap so far that no k-mer across their border is lost.
    const std::int64_t overlap = tokenizer_.k() - tokenizer_.stride();
    for (std::int64_t begin = 0; begin < n_bases; begin += step) {
      write_piece(std::string_view(bases).substr(static_cast<std::size_t>(begin),
                                                 static_cast<std::size_t>(step + overlap)));
    }
    output_.write(line_ + " " + std::to_string(seq::kSep) + "\n");
    ++counts_.sequences;
    counts_.bases += n_bases;
    counts_.tokens += n_tokens;
  }

  Counts finish() {
    output_.commit();
    return counts_;
  }

 private:
  /// The ids between [CLS] and [SEP].
  void write_piece(std::string_view bases) {
    const std::vector<std::int32_t> ids = tokenizer_.encode(bases);
    for (std::size_t i = 1; i + 1 < ids.size(); ++i) {
      line_ += " " + std::to_string(ids[i]);
      counts_.unknown += ids[i] == seq::kUnknown ? 1 : 0;
    }
    output_.write(line_);
    line_.clear();
  }

  const seq::KmerTokenizer& tokenizer_;
  io::TextOutput output_;
  std::string line_;
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
  const seq::KmerTokenizer tokenizer = make_tokenizer(options);
  TokenWriter writer(tokenizer, options.common.output);
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
