// A tokenizer.json that a test can follow by hand, and GENA-LM's.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/line_reader.h"
#include "support/test_data.h"

namespace dnabird::support {

/// Merges of small_bpe_json, in the order of ranks; "left right".
inline const std::vector<std::string> kSmallMerges = {"A A", "C G",   "T A",  "AA AA", "TA TA",
                                                      "G T", "CG CG", "A CG", "N N"};

/// A tokenizer.json like GENA-LM's with 6 special tokens (- among them), the letters A C G N T and
/// nine merges: ids 0-5, 6-10, 11-19.
inline nlohmann::json small_bpe_json() {
  using nlohmann::json;
  json vocab, added, merges = kSmallMerges;
  const auto add = [&](const std::string& text) { vocab[text] = vocab.size(); };
  for (const char* text : {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "-"}) {
    added.push_back({{"id", vocab.size()},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    add(text);
  }
  for (const char* letter : {"A", "C", "G", "N", "T"}) add(letter);
  for (std::string text : kSmallMerges) {
    text.erase(text.find(' '), 1);
    add(text);
  }
  const json strip = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}};
  const json gaps = {{"type", "Replace"}, {"pattern", {{"Regex", "N{10,}"}}}, {"content", "-"}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", {{"type", "Sequence"}, {"normalizers", {strip, gaps}}}},
          {"pre_tokenizer",
           {{"type", "Split"},
            {"pattern", {{"String", "-"}}},
            {"behavior", "Isolated"},
            {"invert", false}}},
          {"post_processor",
           {{"type", "BertProcessing"},
            {"sep", json::array({"[SEP]", 2})},
            {"cls", json::array({"[CLS]", 1})}}},
          {"decoder", {{"type", "BPEDecoder"}, {"suffix", " "}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"vocab", vocab},
            {"merges", merges}}}};
}

/// GENA-LM's tokenizer.json, MIT licence.
inline std::string gena_tokenizer_text() {
  std::string text, line;
  io::LineReader lines(test_data_folder() + "/parity/gena_tokenizer/tokenizer.json.gz");
  while (lines.next(line)) text += line + "\n";
  return text;
}

}  // namespace dnabird::support
