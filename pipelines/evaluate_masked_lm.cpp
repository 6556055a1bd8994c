// dnabird evaluate --masked-lm: how well a model fills in hidden tokens, in bits per base.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/log.h"
#include "core/rng.h"
#include "core/text.h"
#include "data/sequences.h"
#include "io/output_file.h"
#include "pipelines/evaluate_parts.h"
#include "predict/window_batcher.h"
#include "seq/masking.h"
#include "train/markov.h"

namespace dnabird::pipelines {
namespace {

constexpr std::int64_t kLeastBases = 16;      // the rest of a long sequence may be shorter
constexpr std::size_t kWindowsAtOnce = 1024;  // whose tokens are held at once
constexpr int kMarkovOrder = 5;
// The same tokens are hidden whatever --seed says: figures of several models can be compared.
constexpr std::uint64_t kMaskSeed = 1, kMaskStream = 0x646576;

struct Window {
  std::string name;    // of its sequence
  std::int64_t begin;  // in it
  std::string bases;
};

/// Sequences as they are; longer ones cut into windows side by side.
std::vector<Window> read_windows(const std::vector<std::string>& paths, std::int64_t n_bases) {
  std::vector<Window> windows;
  for (const std::string& path : paths) {
    for (const io::NamedSequence& sequence : data::read_sequences(path)) {
      const auto length = static_cast<std::int64_t>(sequence.bases.size());
      for (std::int64_t begin = 0; begin < length; begin += n_bases) {
        std::string bases = sequence.bases.substr(begin, n_bases);
        if (static_cast<std::int64_t>(bases.size()) < kLeastBases) continue;
        windows.push_back({sequence.name, begin, std::move(bases)});
      }
    }
  }
  return windows;
}

/// A loss in bits and what it is counted over, by window.
struct WindowBits {
  std::vector<double> bits, bases;

  double per_base(train::Counts counts) const {
    double sum = 0, over = 0;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      const double times = counts.empty() ? 1 : counts[i];
      sum += times * bits[i];
      over += times * bases[i];
    }
    return over > 0 ? sum / over : std::numeric_limits<double>::quiet_NaN();
  }
};

/// Every span is hidden by [MASK], so that nothing can be read off.
seq::MaskingOptions measured_masking() {
  seq::MaskingOptions masking;
  masking.replace_mask = 1;
  return masking;
}

seq::MaskedTokens hide(const seq::Tokenizer& tokenizer, const std::string& bases, core::Rng& rng) {
  const seq::MaskingOptions masking = measured_masking();
  if (const seq::KmerTokenizer* kmers = seq::as_kmers(tokenizer)) {
    return seq::mask_spans(tokenizer.encode(bases), *kmers, masking, rng);
  }
  return seq::mask_tokens(tokenizer.encode_with_bases(bases), tokenizer.special(), masking.fraction,
                          rng);
}

/// Each window masked in one way.
WindowBits run_model(const LoadedModel& loaded, const std::vector<Window>& windows,
                     std::int64_t batch_size) {
  const predict::WindowBatcher batcher(*loaded.model, batch_size);
  core::Progress progress("evaluate", "windows", static_cast<std::int64_t>(windows.size()));
  WindowBits result;
  for (std::size_t begin = 0; begin < windows.size(); begin += kWindowsAtOnce) {
    const std::size_t end = std::min(windows.size(), begin + kWindowsAtOnce);
    std::vector<predict::MaskedWindow> masked;
    for (std::size_t i = begin; i < end; ++i) {
      core::Rng rng(kMaskSeed, core::mix(kMaskStream, i));
      seq::MaskedTokens tokens = hide(*loaded.tokenizer, windows[i].bases, rng);
      result.bases.push_back(static_cast<double>(std::accumulate(
          tokens.hidden_bases.begin(), tokens.hidden_bases.end(), std::int64_t{0})));
      masked.push_back({std::move(tokens.input), 0, {std::move(tokens.labels)}});
    }
    for (const std::vector<double>& sum : batcher.candidate_log_likelihoods(masked).get()) {
      result.bits.push_back(-sum[0] / std::numbers::ln2);
    }
    progress.update(static_cast<std::int64_t>(end));
  }
  return result;
}

/// A Markov model of both strands of the training sequences, on every base of the windows.
WindowBits run_markov(const std::vector<std::string>& train_paths,
                      const std::vector<Window>& windows) {
  train::MarkovModel model(kMarkovOrder, train::Strands::both);
  for (const std::string& path : train_paths) {
    for (const io::NamedSequence& sequence : data::read_sequences(path)) model.add(sequence.bases);
  }
  WindowBits result;
  for (const Window& window : windows) {
    const train::MarkovModel::Score score = model.score(window.bases);
    result.bits.push_back(score.bits);
    result.bases.push_back(static_cast<double>(score.bases));
  }
  return result;
}

train::Metric bits_per_base(const std::string& target, const WindowBits& bits,
                            const train::BootstrapOptions& bootstrap) {
  const train::Figure figure = [&](train::Counts counts) { return bits.per_base(counts); };
  train::Metric metric;
  metric.target = target;
  metric.name = "bits_per_base";
  metric.n = static_cast<std::int64_t>(bits.bits.size());
  metric.value = figure({});
  metric.interval = train::bootstrap_intervals(metric.n, {figure}, bootstrap)[0];
  return metric;
}

void write_windows(const std::string& path, const std::vector<Window>& windows,
                   const WindowBits& bits) {
  io::TextOutput output(path);
  output.write("sequence\tbegin\tend\thidden_bases\tbits\n");
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const Window& window = windows[i];
    const auto end = window.begin + static_cast<std::int64_t>(window.bases.size());
    output.write(window.name + "\t" + std::to_string(window.begin) + "\t" + std::to_string(end) +
                 "\t" + format_number(bits.bases[i]) + "\t" + format_number(bits.bits[i]) + "\n");
  }
  output.commit();
}

}  // namespace

void evaluate_masked_lm(const EvaluateOptions& options, const LoadedModel& loaded,
                        EvaluateReport& report) {
  const model::ModelConfig& config = loaded.model->config();
  if (!config.masked_lm) {
    throw core::DataError("model '" + loaded.path +
                          "' has no masked-token head; choose one that has been pretrained");
  }
  const std::int64_t most = loaded.tokenizer->n_bases(config.positions);
  const std::vector<Window> windows =
      read_windows(options.data, config.window_bases > 0 ? config.window_bases : most);
  std::vector<std::string> sequences;
  sequences.reserve(windows.size());
  for (const Window& window : windows) sequences.push_back(window.bases);
  report.provenance.push_back("data=" + core::join(options.data, ",") +
                              " windows=" + std::to_string(windows.size()));
  const seq::MaskingOptions masking = measured_masking();
  std::string hidden = "hidden=" + format_number(masking.fraction) + " of the tokens";
  if (seq::as_kmers(*loaded.tokenizer) != nullptr) {
    hidden += ", in spans of " + std::to_string(masking.min_hidden_bases) + " to " +
              std::to_string(masking.max_hidden_bases) + " bases";
  }
  report.provenance.push_back(hidden);
  report_shared(options.train, sequences, report);
  const WindowBits bits = run_model(loaded, windows, options.common.batch_size);
  if (std::isnan(bits.per_base({}))) {
    throw core::DataError("'" + core::join(options.data, "', '") +
                          "': no sequence is long enough to hide a part of it");
  }
  report.add(loaded.name, {bits_per_base("hidden_bases", bits, options.bootstrap())});
  if (!options.train.empty()) {
    const WindowBits markov = run_markov(options.train, windows);
    report.add("Markov order " + std::to_string(kMarkovOrder),
               {bits_per_base("all_bases", markov, options.bootstrap())});
  }
  if (!options.predictions.empty()) write_windows(options.predictions, windows, bits);
}

}  // namespace dnabird::pipelines
