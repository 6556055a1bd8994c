#include "predict/embedder.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "core/text.h"

namespace dnabird::predict {

namespace {

constexpr std::int64_t kEnds = 2;  // [CLS] and [SEP]

/// (n,C) as n vectors of C.
std::vector<std::vector<float>> rows_of(const std::vector<float>& values, std::int64_t channels) {
  std::vector<std::vector<float>> rows;
  for (auto begin = values.begin(); begin != values.end(); begin += channels) {
    rows.emplace_back(begin, begin + channels);
  }
  return rows;
}

}  // namespace

Embedder::Embedder(const model::Model& model, const seq::Tokenizer& tokenizer, Pool pool,
                   std::int64_t batch_size)
    : batcher_(model, batch_size), tokenizer_(tokenizer), pool_(pool) {}

Tokens Embedder::tokenize(const std::string& bases, const std::string& where) const {
  Tokens tokens = tokenizer_.encode(bases);
  const auto n_bases = static_cast<std::int64_t>(bases.size());
  const auto n_tokens = static_cast<std::int64_t>(tokens.size());
  const std::int64_t positions = batcher_.model().config().positions;
  if (n_tokens <= kEnds) {
    throw core::DataError(where + " of " + std::to_string(n_bases) +
                          " bases is too short for one token; leave it out");
  }
  if (n_tokens > positions) {
    const std::int64_t that_fit = n_bases * (positions - kEnds) / (n_tokens - kEnds);
    throw core::DataError(where + " of " + core::with_commas(n_bases) + " bases has " +
                          core::with_commas(n_tokens) + " tokens, but the model has " +
                          core::with_commas(positions) + " positions (about " +
                          core::with_commas(that_fit) +
                          " bases); cut it into windows, for instance with --regions (score and "
                          "annotate cut windows themselves)");
  }
  return tokens;
}

std::vector<std::vector<float>> Embedder::embed(std::span<const Tokens> sequences) const {
  std::vector<std::vector<float>> result;
  switch (pool_) {
    case Pool::mean:
      result = rows_of(batcher_.embeddings(sequences).get(), channels());
      break;
    case Pool::cls:
      result = rows_of(batcher_.cls_states(sequences).get(), channels());
      break;
    case Pool::tokens:
      result = batcher_.token_states(sequences).get();
      break;
  }
  for (const std::vector<float>& values : result) {
    if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
      throw core::DataError(
          "the model's numbers are not finite; its weights are damaged or its training diverged");
    }
  }
  return result;
}

std::vector<AlleleWindow> allele_windows(AlleleChecker& checker, const Variant& variant,
                                         seq::Haplotype haplotype, std::int64_t n_bases) {
  std::vector<AlleleWindow> windows;
  for (const auto& [status, scorable] : checker.check(variant)) {
    windows.push_back({status, {}});
    if (status != AlleleStatus::ok) continue;
    windows.back().bases = scorable.cut(haplotype, scorable.centred_begin(n_bases), n_bases).bases;
  }
  return windows;
}

}  // namespace dnabird::predict
