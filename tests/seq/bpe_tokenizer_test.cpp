#include "seq/bpe_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/text.h"
#include "support/errors.h"
#include "support/small_bpe.h"
#include "support/test_data.h"

namespace dnabird::seq {
namespace {

using nlohmann::json;
using support::throws_data_error;
using testing::ElementsAre;

std::string spelled(const BpeTokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> tokens;
  for (const std::int32_t id : tokenizer.encode(text)) tokens.push_back(tokenizer.token_text(id));
  return core::join(tokens, " ");
}

// tests/data/parity/README.md says where the ids come from.
TEST(BpeTokenizer, IdsOfGenaLm) {
  const BpeTokenizer tokenizer = support::gena_tokenizer();
  EXPECT_EQ(tokenizer.vocabulary_size(), 32000);
  EXPECT_EQ(tokenizer.longest_token(), 64);
  EXPECT_EQ(tokenizer.special().unknown, 0);
  EXPECT_EQ(tokenizer.special().cls, 1);
  EXPECT_EQ(tokenizer.special().sep, 2);
  EXPECT_EQ(tokenizer.special().pad, 3);
  EXPECT_EQ(tokenizer.special().mask, 4);
  io::LineReader lines(support::test_data_folder() + "/parity/gena_tokenizer/cases.tsv");
  std::string line;
  ASSERT_TRUE(lines.next(line));
  int cases = 0;
  while (lines.next(line)) {
    const std::vector<std::string> fields = core::split(line, '\t');
    ASSERT_EQ(fields.size(), 2u) << lines.where();
    std::vector<std::string> ids;
    for (const std::int32_t id : tokenizer.encode(fields[0])) ids.push_back(std::to_string(id));
    EXPECT_EQ(core::join(ids, " "), fields[1]) << lines.where();
    ++cases;
  }
  EXPECT_EQ(cases, 136);
}

// Outside of blanks and gaps, tokens spell the text that they cover.
TEST(BpeTokenizer, TokensOfGenaLmCoverTheirText) {
  const BpeTokenizer tokenizer = support::gena_tokenizer();
  io::LineReader lines(support::test_data_folder() + "/parity/gena_tokenizer/cases.tsv");
  std::string line;
  ASSERT_TRUE(lines.next(line));
  while (lines.next(line)) {
    const std::string text = line.substr(0, line.find('\t'));
    const Encoding encoding = tokenizer.encode_with_bases(text);
    std::int64_t end = 0;
    for (std::size_t i = 1; i + 1 < encoding.ids.size(); ++i) {
      const BaseSpan& span = encoding.bases[i];
      const std::string covered = text.substr(span.begin, span.end - span.begin);
      if (encoding.ids[i] == tokenizer.special().unknown) {
        EXPECT_EQ(covered.size(), 1u);
      } else if (covered.size() >= 10 && covered == std::string(covered.size(), 'N')) {
        EXPECT_EQ(tokenizer.token_text(encoding.ids[i]), "-");
      } else {
        EXPECT_EQ(tokenizer.token_text(encoding.ids[i]), covered) << lines.where();
      }
      if (text.find(' ') == std::string::npos) {
        EXPECT_EQ(span.begin, end) << lines.where();
      }
      end = span.end;
    }
    if (text.find(' ') == std::string::npos) {
      EXPECT_EQ(end, static_cast<std::int64_t>(text.size())) << lines.where();
    }
  }
}

TEST(BpeTokenizer, TokensByHand) {
  const BpeTokenizer tokenizer = support::small_bpe();
  EXPECT_EQ(tokenizer.encode(""), (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(spelled(tokenizer, "AAAAACGT"), "[CLS] AAAA ACG T [SEP]");
  EXPECT_EQ(spelled(tokenizer, " TATANN "), "[CLS] TATA NN [SEP]");
  EXPECT_EQ(spelled(tokenizer, "AAcAAx"), "[CLS] AA [UNK] AA [UNK] [SEP]");
  // Added tokens stand by themselves, and what lies between two of them is stripped.
  EXPECT_EQ(spelled(tokenizer, "CG - CG[MASK]A"), "[CLS] CG - CG [MASK] A [SEP]");
  EXPECT_EQ(spelled(tokenizer, "CGNNNNNNNNNNNNCG"), "[CLS] CG - CG [SEP]");
  EXPECT_EQ(spelled(tokenizer, "[MASK"), "[CLS] [UNK] [UNK] A [UNK] [UNK] [SEP]");
}

TEST(BpeTokenizer, TokensKnowTheirBases) {
  const Encoding encoding =
      support::small_bpe().encode_with_bases("  CGNNNNNNNNNNNNAA-[MASK]AAAA ");
  EXPECT_THAT(encoding.bases,
              ElementsAre(BaseSpan{0, 0}, BaseSpan{2, 4}, BaseSpan{4, 16}, BaseSpan{16, 18},
                          BaseSpan{18, 19}, BaseSpan{19, 25}, BaseSpan{25, 29}, BaseSpan{30, 30}));
}

TEST(BpeTokenizer, OfAddedTokensTheLongestCounts) {
  json file = support::small_bpe_json();
  json longer = file["added_tokens"][5];
  longer["content"] = "--";
  longer["id"] = 20;  // behind model.vocab
  file["added_tokens"].push_back(longer);
  const BpeTokenizer tokenizer{bpe_definition_from_json(file)};
  EXPECT_EQ(tokenizer.vocabulary_size(), 21);
  EXPECT_EQ(spelled(tokenizer, "A---A"), "[CLS] A -- - A [SEP]");
}

TEST(BpeTokenizer, PartsMayBeAbsent) {
  json file = support::small_bpe_json();
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = nullptr;
  file.erase("decoder");
  for (json& merge : file["model"]["merges"]) {  // the other way of writing them
    merge = core::split(merge.get<std::string>(), ' ');
  }
  const BpeTokenizer tokenizer{bpe_definition_from_json(file)};
  EXPECT_EQ(spelled(tokenizer, " AA"), "[CLS] [UNK] AA [SEP]");
  EXPECT_EQ(spelled(tokenizer, "NNNNNNNNNNN"), "[CLS] NN NN NN NN NN N [SEP]");
}

TEST(BpeTokenizer, SpecialTokensAreFoundByTheirNames) {
  json file = support::small_bpe_json();
  for (json* ids : {&file["model"]["vocab"]["[PAD]"], &file["model"]["vocab"]["[UNK]"]}) {
    *ids = 3 - ids->get<int>();
  }
  std::swap(file["added_tokens"][0]["id"], file["added_tokens"][3]["id"]);
  const BpeTokenizer tokenizer{bpe_definition_from_json(file)};
  EXPECT_EQ(tokenizer.special().pad, 0);
  EXPECT_EQ(tokenizer.special().unknown, 3);
  EXPECT_EQ(tokenizer.encode("x"), (std::vector<std::int32_t>{1, 3, 2}));
}

/// A change of a file, and what the error must name.
struct Fault {
  std::string pointer;  // into the JSON
  json value;
  std::vector<std::string> parts;
};

class BpeFaults : public testing::TestWithParam<Fault> {};

TEST_P(BpeFaults, AreErrorsThatNameThePart) {
  json file = support::small_bpe_json();
  file[json::json_pointer(GetParam().pointer)] = GetParam().value;
  std::string message;
  try {
    bpe_definition_from_json(file);
  } catch (const core::DataError& error) {
    message = error.what();
  }
  EXPECT_NE(message, "") << GetParam().pointer;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  for (const std::string& part : GetParam().parts) {
    EXPECT_THAT(message, testing::HasSubstr(part));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BpeFaults,
    testing::Values(
        Fault{"/version", "2.0", {"version", "2.0"}},
        Fault{"/truncation", {{"max_length", 512}}, {"truncation"}},
        Fault{"/padding", {{"length", 1}}, {"padding"}}, Fault{"/surplus", 1, {"surplus"}},
        Fault{"/added_tokens", nullptr, {"added_tokens"}},
        Fault{"/added_tokens/5/lstrip", true, {"added_tokens[5].lstrip", "true"}},
        Fault{"/added_tokens/5/normalized", true, {"added_tokens[5].normalized"}},
        Fault{"/added_tokens/5/single_word", nullptr, {"added_tokens[5].single_word"}},
        Fault{"/added_tokens/5/special", 1, {"added_tokens[5].special"}},
        Fault{"/added_tokens/5/content", "", {"added_tokens[5].content"}},
        Fault{"/added_tokens/5/id", 6, {"added_tokens[5].id", "'-'", "6"}},
        Fault{"/added_tokens/5/id", 1e9, {"added_tokens[5].id"}},
        Fault{"/added_tokens/5/content", "--", {"added_tokens[5].id", "'--'", "'-'"}},
        Fault{"/normalizer/type", "Lowercase", {"normalizer.type", "Lowercase"}},
        Fault{"/normalizer", 7, {"normalizer", "7"}},
        Fault{"/normalizer/normalizers/0/type", "NFC", {"normalizer.normalizers[0].type", "NFC"}},
        Fault{"/normalizer/normalizers/0/strip_left", 0, {"normalizers[0].strip_left"}},
        Fault{"/normalizer/normalizers/0/more", 0, {"normalizers[0].more"}},
        Fault{"/normalizer/normalizers/1/content", "------------", {"normalizers[1].content"}},
        Fault{"/normalizer/normalizers/1/pattern", {{"String", "N"}}, {"normalizers[1].pattern"}},
        Fault{"/normalizer/normalizers/1/pattern/Regex", "N+", {"pattern.Regex", "N+"}},
        Fault{"/normalizer/normalizers/1/pattern/Regex", "N{10,20}", {"pattern.Regex"}},
        Fault{"/normalizer/normalizers/1/pattern/Regex", ".{10,}", {"pattern.Regex"}},
        Fault{"/normalizer/normalizers/1/pattern/Regex", "N{0,}", {"pattern.Regex"}},
        Fault{"/normalizer/normalizers/1/pattern/Regex",
              "N{99999999999999999999,}",
              {"pattern.Regex"}},
        Fault{"/pre_tokenizer/type", "Whitespace", {"pre_tokenizer.type", "Whitespace"}},
        Fault{"/pre_tokenizer/behavior", "Removed", {"pre_tokenizer.behavior", "Removed"}},
        Fault{"/pre_tokenizer/invert", true, {"pre_tokenizer.invert"}},
        Fault{"/pre_tokenizer/pattern", {{"Regex", "-"}}, {"pre_tokenizer.pattern"}},
        Fault{"/pre_tokenizer/pattern/String", "", {"pre_tokenizer.pattern.String"}},
        Fault{"/post_processor", nullptr, {"post_processor"}},
        Fault{"/post_processor/type", "TemplateProcessing", {"post_processor.type"}},
        Fault{"/post_processor/cls/1", 2, {"post_processor.cls"}},
        Fault{"/post_processor/sep/0", "[END]", {"post_processor.sep", "[END]"}},
        Fault{"/decoder/type", "ByteLevel", {"decoder.type", "ByteLevel"}},
        Fault{"/model/type", "WordPiece", {"model.type", "WordPiece", "BPE"}},
        Fault{"/model/dropout", 0.1, {"model.dropout", "0.1"}},
        Fault{"/model/continuing_subword_prefix", "##", {"model.continuing_subword_prefix"}},
        Fault{"/model/end_of_word_suffix", "</w>", {"model.end_of_word_suffix"}},
        Fault{"/model/fuse_unk", true, {"model.fuse_unk"}},
        Fault{"/model/byte_fallback", true, {"model.byte_fallback"}},
        Fault{"/model/ignore_merges", true, {"model.ignore_merges"}},
        Fault{"/model/other", 1, {"model.other"}},
        Fault{"/model/unk_token", nullptr, {"model.unk_token"}},
        Fault{"/model/unk_token", "<unk>", {"model.unk_token", "<unk>"}},
        Fault{"/model/vocab", json::object(), {"model.vocab"}},
        Fault{"/model/vocab/A", 7, {"model.vocab", "'A'", "'C'", "7"}},
        Fault{"/model/vocab/A", 99, {"model.vocab.A", "99"}},
        Fault{"/model/vocab/A", -1, {"model.vocab.A", "-1"}},
        Fault{"/model/vocab/A", "6", {"model.vocab.A"}},
        Fault{"/model/vocab/\xc3\xa9", 20, {"model.vocab", "ASCII"}},
        Fault{"/model/merges", nullptr, {"model.merges"}},
        Fault{"/model/merges/2", "T  A", {"model.merges[2]"}},
        Fault{"/model/merges/2", 7, {"model.merges[2]", "7"}},
        Fault{"/model/merges/2", "A A", {"model.merges[2]", "'A A'", "twice"}},
        Fault{"/model/merges/2", "A T", {"model.merges[2]", "'AT'"}},
        Fault{"/model/merges/2", "A\nx T", {"model.merges[2]", "'A\\nx'"}}));

TEST(BpeTokenizer, RefusesWhatIsNoTokenizer) {
  EXPECT_THAT([] { bpe_definition_from_json(json::array()); }, throws_data_error("an object"));
  json file = support::small_bpe_json();
  file["model"]["vocab"].erase("[MASK]");
  file["model"]["vocab"]["[HIDE]"] = file["added_tokens"][4]["id"];
  file["added_tokens"][4]["content"] = "[HIDE]";
  EXPECT_THAT([&] { bpe_definition_from_json(file); },
              throws_data_error("model.vocab has no token [MASK]"));
}

TEST(BpeTokenizer, RefusesValuesOfAnyDepth) {
  json file = support::small_bpe_json();
  constexpr int kLevels = 200000;
  file["decoder"] = json::parse(std::string(kLevels, '[') + std::string(kLevels, ']'));
  EXPECT_THAT([&] { bpe_definition_from_json(file); }, throws_data_error("decoder", "array"));
}

TEST(BpeTokenizer, NamesItself) {
  const BpeTokenizer tokenizer = support::small_bpe();
  EXPECT_STREQ(tokenizer.kind(), "BPE");
  EXPECT_EQ(tokenizer.vocabulary_size(), 20);
  EXPECT_EQ(tokenizer.longest_token(), 4);
  EXPECT_EQ(tokenizer.n_bases(10), 8);
  EXPECT_EQ(tokenizer.n_bases(1), 0);
  EXPECT_EQ(tokenizer.token_text(19), "NN");
  EXPECT_THAT([&] { tokenizer.token_text(20); }, throws_data_error("20"));
}

}  // namespace
}  // namespace dnabird::seq
