#include "seq/masking.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace dnabird::seq {

namespace {

struct Span {
  std::int64_t begin, end;  // indices into ids
};

constexpr int kTries = 20;  // to place a span before it is given up

std::int64_t tokens_that_hide(std::int64_t n_bases, const KmerTokenizer& tokenizer) {
  const std::int64_t stride = tokenizer.stride();
  return (n_bases + stride - 1) / stride + (stride == 1 ? tokenizer.k() - 1 : 0);
}

/// Lengths of spans, in tokens, that sum up to `wanted` on average.
std::vector<std::int64_t> draw_lengths(double wanted, const KmerTokenizer& tokenizer,
                                       const MaskingOptions& options, core::Rng& rng) {
  std::vector<std::int64_t> lengths;
  const auto range =
      static_cast<std::uint64_t>(options.max_hidden_bases - options.min_hidden_bases + 1);
  while (wanted > 0) {
    const auto hidden = options.min_hidden_bases + static_cast<std::int64_t>(rng.below(range));
    const std::int64_t length = tokens_that_hide(hidden, tokenizer);
    // The last one only as often as its share of what is still wanted.
    if (rng.uniform() * static_cast<double>(length) < wanted) lengths.push_back(length);
    wanted -= static_cast<double>(length);
  }
  return lengths;
}

/// True if a span fits: k-mers only, and no token of another span in it or beside it.
bool fits(const Span& span, const std::vector<std::int32_t>& ids, const std::vector<char>& taken) {
  for (std::int64_t i = span.begin; i < span.end; ++i) {
    if (ids[i] < kSpecialTokens || taken[i]) return false;
  }
  return !taken[span.begin - 1] && !taken[span.end];
}

std::vector<Span> place_spans(const std::vector<std::int32_t>& ids, const KmerTokenizer& tokenizer,
                              const MaskingOptions& options, core::Rng& rng) {
  const auto n = static_cast<std::int64_t>(ids.size());
  const auto kmers =
      std::count_if(ids.begin(), ids.end(), [](std::int32_t id) { return id >= kSpecialTokens; });
  std::vector<char> taken(ids.size(), 0);
  std::vector<Span> spans;
  for (const std::int64_t length :
       draw_lengths(options.fraction * static_cast<double>(kmers), tokenizer, options, rng)) {
    const std::int64_t places = n - 1 - length;  // from index 1 on, before [SEP]
    for (int i = 0; i < kTries && places > 0; ++i) {
      const auto begin = 1 + static_cast<std::int64_t>(rng.below(places));
      const Span span{begin, begin + length};
      if (!fits(span, ids, taken)) continue;
      std::fill(taken.begin() + span.begin, taken.begin() + span.end, 1);
      spans.push_back(span);
      break;
    }
  }
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  return spans;
}

/// For each base: does a k-mer outside of the spans show it?
std::vector<char> shown_bases(const std::vector<std::int32_t>& ids,
                              const std::vector<std::int32_t>& labels,
                              const KmerTokenizer& tokenizer) {
  const auto n = static_cast<std::int64_t>(ids.size());
  std::vector<char> shown(static_cast<std::size_t>(tokenizer.n_bases(n)), 0);
  for (std::int64_t i = 1; i + 1 < n; ++i) {
    if (ids[i] < kSpecialTokens || labels[i] >= 0) continue;
    const auto [begin, end] = tokenizer.bases_of_token(i);
    std::fill(shown.begin() + begin, shown.begin() + end, 1);
  }
  return shown;
}

/// k-mers of the span with its hidden bases drawn at random.
void show_random_bases(const Span& span, const std::vector<char>& shown,
                       const KmerTokenizer& tokenizer, core::Rng& rng,
                       std::vector<std::int32_t>& input) {
  const std::int64_t first = tokenizer.bases_of_token(span.begin).first;
  const std::int64_t last = tokenizer.bases_of_token(span.end - 1).second;
  std::vector<std::int32_t> codes(static_cast<std::size_t>(last - first));
  for (std::int64_t i = span.begin; i < span.end; ++i) {
    const std::int64_t at = tokenizer.bases_of_token(i).first - first;
    for (int j = 0; j < tokenizer.k(); ++j) {
      codes[at + j] = (input[i] - kSpecialTokens) >> (2 * (tokenizer.k() - 1 - j)) & 3;
    }
  }
  for (std::int64_t base = first; base < last; ++base) {
    if (!shown[base]) codes[base - first] = static_cast<std::int32_t>(rng.below(4));
  }
  for (std::int64_t i = span.begin; i < span.end; ++i) {
    const std::int64_t at = tokenizer.bases_of_token(i).first - first;
    std::int32_t code = 0;
    for (int j = 0; j < tokenizer.k(); ++j) code = code << 2 | codes[at + j];
    input[i] = kSpecialTokens + code;
  }
}

}  // namespace

MaskedTokens mask_spans(const std::vector<std::int32_t>& ids, const KmerTokenizer& tokenizer,
                        const MaskingOptions& options, core::Rng& rng) {
  core::require(ids.size() >= 2 && options.min_hidden_bases >= 1 &&
                    options.max_hidden_bases >= options.min_hidden_bases,
                "mask_spans: no [CLS] and [SEP], or an empty range of hidden bases");
  MaskedTokens result{ids, std::vector<std::int32_t>(ids.size(), -100),
                      std::vector<std::int32_t>(ids.size(), 0)};
  const std::vector<Span> spans = place_spans(ids, tokenizer, options, rng);
  for (const Span& span : spans) {
    std::copy(ids.begin() + span.begin, ids.begin() + span.end, result.labels.begin() + span.begin);
  }
  const std::vector<char> shown = shown_bases(ids, result.labels, tokenizer);
  for (const Span& span : spans) {
    for (std::int64_t i = span.begin; i < span.end; ++i) {
      const auto [begin, end] = tokenizer.bases_of_token(i);
      result.hidden_bases[i] =
          static_cast<std::int32_t>(std::count(shown.begin() + begin, shown.begin() + end, 0));
    }
    const double kind = rng.uniform();
    if (kind < options.replace_mask) {
      std::fill(result.input.begin() + span.begin, result.input.begin() + span.end, kMask);
    } else if (kind < (1 + options.replace_mask) / 2) {
      show_random_bases(span, shown, tokenizer, rng, result.input);
    }
  }
  return result;
}

MaskedTokens mask_tokens(const Encoding& encoding, const SpecialTokens& special, double fraction,
                         core::Rng& rng) {
  const std::size_t n = encoding.ids.size();
  MaskedTokens result{encoding.ids, std::vector<std::int32_t>(n, -100),
                      std::vector<std::int32_t>(n, 0)};
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t n_bases = encoding.bases[i].end - encoding.bases[i].begin;
    const bool is_hidden = rng.uniform() < fraction;
    if (!is_hidden || n_bases == 0 || encoding.ids[i] == special.unknown) continue;
    result.input[i] = special.mask;
    result.labels[i] = encoding.ids[i];
    result.hidden_bases[i] = static_cast<std::int32_t>(n_bases);
  }
  return result;
}

}  // namespace dnabird::seq
