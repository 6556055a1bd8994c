#include "seq/normalized_text.h"

#include <algorithm>
#include <utility>

#include "core/errors.h"

namespace dnabird::seq {

namespace {

/// White_Space of Unicode, in UTF-8.
constexpr std::string_view kBlanks[] = {" ",
                                        "\t",
                                        "\n",
                                        "\v",
                                        "\f",
                                        "\r",
                                        "\xc2\x85",
                                        "\xc2\xa0",
                                        "\xe1\x9a\x80",
                                        "\xe2\x80\x80",
                                        "\xe2\x80\x81",
                                        "\xe2\x80\x82",
                                        "\xe2\x80\x83",
                                        "\xe2\x80\x84",
                                        "\xe2\x80\x85",
                                        "\xe2\x80\x86",
                                        "\xe2\x80\x87",
                                        "\xe2\x80\x88",
                                        "\xe2\x80\x89",
                                        "\xe2\x80\x8a",
                                        "\xe2\x80\xa8",
                                        "\xe2\x80\xa9",
                                        "\xe2\x80\xaf",
                                        "\xe2\x81\x9f",
                                        "\xe3\x80\x80"};

std::size_t blank_at_begin(std::string_view text) {
  for (const std::string_view blank : kBlanks) {
    if (text.starts_with(blank)) return blank.size();
  }
  return 0;
}

std::size_t blank_at_end(std::string_view text) {
  for (const std::string_view blank : kBlanks) {
    if (text.ends_with(blank)) return blank.size();
  }
  return 0;
}

}  // namespace

NormalizedText::NormalizedText(std::string_view text, std::int64_t begin) : text_(text) {
  if (text.empty()) return;
  parts_.push_back({0, {begin, begin + static_cast<std::int64_t>(text.size())}, true});
}

std::size_t NormalizedText::part_at(std::size_t place) const {
  const auto behind = std::partition_point(
      parts_.begin(), parts_.end(), [place](const Part& part) { return part.begin <= place; });
  return static_cast<std::size_t>(behind - parts_.begin()) - 1;
}

std::size_t NormalizedText::end_of(std::size_t part) const {
  return part + 1 < parts_.size() ? parts_[part + 1].begin : text_.size();
}

BaseSpan NormalizedText::source_within(std::size_t part, std::size_t begin, std::size_t end) const {
  const Part& within = parts_[part];
  if (!within.is_copy) return within.source;
  const auto first = static_cast<std::int64_t>(begin - within.begin);
  return {within.source.begin + first,
          within.source.begin + first + static_cast<std::int64_t>(end - begin)};
}

BaseSpan NormalizedText::source(std::size_t begin, std::size_t end) const {
  core::require(begin < end && end <= text_.size(), "NormalizedText: no such bytes");
  const std::size_t first = part_at(begin), last = part_at(end - 1);
  return {source_within(first, begin, begin + 1).begin, source_within(last, end - 1, end).end};
}

void NormalizedText::copy_to(NormalizedText& other, std::size_t begin, std::size_t end) const {
  if (begin >= end) return;
  for (std::size_t part = part_at(begin); part < parts_.size() && parts_[part].begin < end;
       ++part) {
    const std::size_t from = std::max(begin, parts_[part].begin);
    const std::size_t to = std::min(end, end_of(part));
    other.parts_.push_back(
        {other.text_.size(), source_within(part, from, to), parts_[part].is_copy});
    other.text_.append(text_, from, to - from);
  }
}

void NormalizedText::strip(bool left, bool right) {
  const std::string_view text = text_;
  std::size_t begin = 0, end = text.size();
  while (left) {
    const std::size_t blank = blank_at_begin(text.substr(begin));
    if (blank == 0) break;
    begin += blank;
  }
  while (right) {
    const std::size_t blank = blank_at_end(text.substr(begin, end - begin));
    if (blank == 0) break;
    end -= blank;
  }
  if (begin == 0 && end == text.size()) return;
  NormalizedText result("", 0);
  copy_to(result, begin, end);
  *this = std::move(result);
}

void NormalizedText::replace_runs(char letter, std::size_t least, const std::string& content) {
  NormalizedText result("", 0);
  std::size_t copied = 0;  // bytes that the result stands for
  for (std::size_t at = text_.find(letter); at != std::string::npos;) {
    std::size_t end = text_.find_first_not_of(letter, at);
    if (end == std::string::npos) end = text_.size();
    if (end - at >= least) {
      copy_to(result, copied, at);
      if (!content.empty()) {
        result.parts_.push_back({result.text_.size(), source(at, end), false});
        result.text_ += content;
      }
      copied = end;
    }
    at = text_.find(letter, end);
  }
  if (copied == 0) return;
  copy_to(result, copied, text_.size());
  *this = std::move(result);
}

}  // namespace dnabird::seq
