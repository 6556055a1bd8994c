#include "seq/kmer_tokenizer.h"

#include <algorithm>

#include "core/errors.h"
#include "seq/alphabet.h"

namespace dnabird::seq {

namespace {

constexpr const char* kSpecialTexts[kSpecialTokens] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                       "[MASK]"};
constexpr int kLongest = 8;
constexpr std::int64_t kPieceBases = 1 << 20;  // of what encode_to hands on at once

}  // namespace

KmerTokenizer::KmerTokenizer(int k, int stride) : k_(k), stride_(stride) {
  if (k < 1 || k > kLongest) {
    throw core::UsageError("k-mers of " + std::to_string(k) + " bases; expected 1 to " +
                           std::to_string(kLongest));
  }
  if (stride != 1 && stride != k) {
    throw core::UsageError("a stride of " + std::to_string(stride) + " bases; expected 1 or k (" +
                           std::to_string(k) + ")");
  }
}

KmerTokenizer KmerTokenizer::from_vocabulary(const std::vector<std::string>& lines, int stride) {
  for (int k = 1; k <= kLongest; ++k) {
    KmerTokenizer tokenizer(k, stride == 1 ? 1 : k);
    if (static_cast<std::size_t>(tokenizer.vocabulary_size()) != lines.size()) continue;
    if (stride != tokenizer.stride()) {
      throw core::DataError("a vocabulary of " + std::to_string(k) + "-mers with a stride of " +
                            std::to_string(stride) + "; expected 1 or " + std::to_string(k));
    }
    for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
      if (lines[static_cast<std::size_t>(id)] != tokenizer.token_text(id)) {
        throw core::DataError("line " + std::to_string(id + 1) + " of the vocabulary is '" +
                              lines[static_cast<std::size_t>(id)] + "', expected '" +
                              tokenizer.token_text(id) +
                              "' (5 special tokens, then k-mers in the order A T C G)");
      }
    }
    return tokenizer;
  }
  throw core::DataError("a vocabulary of " + std::to_string(lines.size()) +
                        " tokens; expected 5 special tokens and all k-mers of one k, 1 to 8");
}

std::vector<std::string> KmerTokenizer::vocabulary() const {
  std::vector<std::string> lines;
  lines.reserve(static_cast<std::size_t>(vocabulary_size()));
  for (std::int32_t id = 0; id < vocabulary_size(); ++id) lines.push_back(token_text(id));
  return lines;
}

std::int64_t KmerTokenizer::n_tokens(std::int64_t n_bases) const {
  return 2 + (n_bases < k_ ? 0 : (n_bases - k_) / stride_ + 1);
}

std::int64_t KmerTokenizer::n_bases(std::int64_t n_tokens) const {
  return n_tokens <= 2 ? 0 : (n_tokens - 3) * stride_ + k_;
}

std::vector<std::int32_t> KmerTokenizer::encode(std::string_view bases) const {
  std::vector<std::int32_t> ids(
      static_cast<std::size_t>(n_tokens(static_cast<std::int64_t>(bases.size()))));
  auto id = ids.begin();
  *id++ = kCls;
  const std::int32_t all = (1 << (2 * k_)) - 1;
  std::int32_t code = 0;
  int known = 0;     // bases in a row that are A C G T, up to here
  int to_next = k_;  // bases until a token ends
  for (const char letter : bases) {
    const int base = base_code(letter);
    code = (code << 2 | (base < 0 ? 0 : base)) & all;
    known = base < 0 ? 0 : std::min(known + 1, k_);
    if (--to_next > 0) continue;
    *id++ = known == k_ ? kSpecialTokens + code : static_cast<std::int32_t>(kUnknown);
    to_next = stride_;
  }
  *id = kSep;
  return ids;
}

std::pair<std::int64_t, std::int64_t> KmerTokenizer::bases_of_token(std::int64_t index) const {
  if (index <= 0) return {0, 0};
  const std::int64_t begin = (index - 1) * stride_;
  return {begin, begin + k_};
}

Encoding KmerTokenizer::encode_with_bases(std::string_view bases) const {
  Encoding encoding{encode(bases), {}};
  const auto last = static_cast<std::int64_t>(encoding.ids.size()) - 1;
  encoding.bases.reserve(encoding.ids.size());
  for (std::int64_t i = 0; i < last; ++i) {
    const auto [begin, end] = bases_of_token(i);
    encoding.bases.push_back({begin, end});
  }
  const auto n_bases = static_cast<std::int64_t>(bases.size());
  encoding.bases.push_back({n_bases, n_bases});
  return encoding;
}

TokenRun KmerTokenizer::tokens_at(std::string_view bases, std::int64_t begin,
                                  std::int64_t end) const {
  core::require(begin < end, "tokens_at: no bases");
  // Among the k-mers, of which the one at i covers the bases from i * stride on.
  const std::int64_t n_kmers = n_tokens(static_cast<std::int64_t>(bases.size())) - 2;
  const std::int64_t first = std::min(begin < k_ ? 0 : (begin - k_) / stride_ + 1, n_kmers);
  const std::int64_t last = std::clamp((end + stride_ - 1) / stride_, first, n_kmers);
  TokenRun run{first + 1, {}};
  if (first == last) return run;
  run.ids = encode(bases.substr(static_cast<std::size_t>(first * stride_),
                                static_cast<std::size_t>((last - 1 - first) * stride_ + k_)));
  run.ids.pop_back();
  run.ids.erase(run.ids.begin());
  return run;
}

void KmerTokenizer::encode_to(std::string_view bases, TokenSink& sink) const {
  const auto n_bases = static_cast<std::int64_t>(bases.size());
  sink.begin(n_tokens(n_bases));
  const std::int64_t step = kPieceBases / stride_ * stride_;
  // Pieces overlap so far that no k-mer across their border is lost.
  const std::int64_t overlap = k_ - stride_;
  const std::int32_t ends[] = {kCls, kSep};
  sink.add(std::span(ends, 1));
  for (std::int64_t begin = 0; begin < n_bases; begin += step) {
    const std::vector<std::int32_t> ids = encode(
        bases.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(step + overlap)));
    sink.add(std::span(ids).subspan(1, ids.size() - 2));
  }
  sink.add(std::span(ends + 1, 1));
}

std::vector<std::pair<std::string, std::int64_t>> KmerTokenizer::properties() const {
  return {{"k", k_}, {"stride", stride_}};
}

const SpecialTokens& KmerTokenizer::special() const {
  static constexpr SpecialTokens special{
      .pad = kPad, .unknown = kUnknown, .cls = kCls, .sep = kSep, .mask = kMask};
  return special;
}

const KmerTokenizer* as_kmers(const Tokenizer& tokenizer) {
  return dynamic_cast<const KmerTokenizer*>(&tokenizer);
}

std::string KmerTokenizer::token_text(std::int32_t id) const {
  if (id < 0 || id >= vocabulary_size()) {
    throw core::DataError("token id " + std::to_string(id) + " is not in the vocabulary of " +
                          std::to_string(vocabulary_size()));
  }
  if (id < kSpecialTokens) return kSpecialTexts[id];
  std::string text(static_cast<std::size_t>(k_), ' ');
  std::int32_t code = id - kSpecialTokens;
  for (int i = k_ - 1; i >= 0; --i, code >>= 2) {
    text[static_cast<std::size_t>(i)] = "ATCG"[code & 3];
  }
  return text;
}

}  // namespace dnabird::seq
