// A text on its way through a normalizer, which keeps track of what it was made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "seq/tokenizer.h"

namespace dnabird::seq {

class NormalizedText {
 public:
  /// What stands at `begin` of the whole text.
  NormalizedText(std::string_view text, std::int64_t begin);

  const std::string& text() const { return text_; }
  /// The bases of the whole text that bytes [begin, end), begin < end, of text() were made from.
  BaseSpan source(std::size_t begin, std::size_t end) const;

  /// Takes blanks (White_Space of Unicode) off the ends.
  void strip(bool left, bool right);
  /// Puts `content` in place of each run of at least `least` of a letter: the regular expression
  /// letter{least,}.
  void replace_runs(char letter, std::size_t least, const std::string& content);

 private:
  /// From `begin` of the text to the next part's begin.
  struct Part {
    std::size_t begin;
    BaseSpan source;
    bool is_copy;  // byte for byte; else all of it stands for all of the source
  };
  std::size_t part_at(std::size_t place) const;
  std::size_t end_of(std::size_t part) const;
  BaseSpan source_within(std::size_t part, std::size_t begin, std::size_t end) const;
  /// Appends bytes [begin, end) of this to another.
  void copy_to(NormalizedText& other, std::size_t begin, std::size_t end) const;

  std::string text_;
  std::vector<Part> parts_;  // ascending; none if the text is empty
};

}  // namespace dnabird::seq
