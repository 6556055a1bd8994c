#include "predict/embedder.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/rng.h"
#include "predict/variant_scorer.h"
#include "support/errors.h"
#include "support/memory_genome.h"
#include "support/random_model.h"

namespace dnabird::predict {
namespace {

using support::MemoryGenome;
using support::random_bases;
using support::random_model;
using support::RandomModel;
using support::throws_data_error;

/// Of lengths that share blocks of 16 and of others.
std::vector<Tokens> sequences_of(const RandomModel& random) {
  core::Rng rng(5);
  const Embedder embedder(*random.model, random.tokenizer, Pool::mean, 0);
  std::vector<Tokens> sequences;
  for (const int n : {30, 90, 31, 3, 25, 120, 90, 119, 29}) {
    sequences.push_back(embedder.tokenize(random_bases(n, rng), "x"));
  }
  return sequences;
}

/// Hidden states (tokens,C) of a sequence that is run by itself.
std::vector<float> states_alone(const RandomModel& random, const Tokens& tokens) {
  return random.model
      ->encode(model::make_token_batch(*random.kernels, std::span<const Tokens>(&tokens, 1),
                                       random.model->config().block_size))
      .to_floats();
}

TEST(Embedder, TokensAreTheStatesOfEachSequenceAlone) {
  const RandomModel random = random_model();
  const std::vector<Tokens> sequences = sequences_of(random);
  for (const std::int64_t batch_size : {0, 1, 2, 100}) {
    const auto embeddings =
        Embedder(*random.model, random.tokenizer, Pool::tokens, batch_size).embed(sequences);
    ASSERT_EQ(embeddings.size(), sequences.size());
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      EXPECT_EQ(embeddings[i].size(), sequences[i].size() * 16);
      EXPECT_EQ(embeddings[i], states_alone(random, sequences[i])) << i << ", " << batch_size;
    }
  }
}

TEST(Embedder, ClsIsTheFirstState) {
  const RandomModel random = random_model();
  const std::vector<Tokens> sequences = sequences_of(random);
  const auto embeddings = Embedder(*random.model, random.tokenizer, Pool::cls, 2).embed(sequences);
  ASSERT_EQ(embeddings.size(), sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    std::vector<float> expected = states_alone(random, sequences[i]);
    expected.resize(16);
    EXPECT_EQ(embeddings[i], expected);
  }
}

TEST(Embedder, MeanIsOverTheTokensBetweenClsAndSep) {
  const RandomModel random = random_model();
  std::vector<Tokens> sequences = sequences_of(random);
  sequences[0][4] = seq::kUnknown;  // counts as a token of the sequence
  const auto embeddings = Embedder(*random.model, random.tokenizer, Pool::mean, 2).embed(sequences);
  ASSERT_EQ(embeddings.size(), sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const std::vector<float> states = states_alone(random, sequences[i]);
    const std::size_t n = sequences[i].size() - 2;
    ASSERT_EQ(embeddings[i].size(), 16u);
    for (std::size_t c = 0; c < 16; ++c) {
      double sum = 0;
      for (std::size_t t = 1; t <= n; ++t) sum += states[t * 16 + c];
      EXPECT_NEAR(embeddings[i][c], sum / static_cast<double>(n), 1e-5);
    }
  }
}

TEST(Embedder, NoSequencesNoVectors) {
  const RandomModel random = random_model();
  for (const Pool pool : {Pool::mean, Pool::cls, Pool::tokens}) {
    EXPECT_TRUE(Embedder(*random.model, random.tokenizer, pool, 0).embed({}).empty());
  }
}

TEST(Embedder, RefusesWhatTheModelCannotRead) {
  const RandomModel random = random_model();  // 136 positions, k 3
  const Embedder embedder(*random.model, random.tokenizer, Pool::cls, 0);
  EXPECT_EQ(embedder.tokenize(std::string(136, 'A'), "x").size(), 136u);
  EXPECT_THAT([&] { embedder.tokenize(std::string(137, 'A'), "'a.fa': sequence 'b'"); },
              throws_data_error("'a.fa': sequence 'b' of 137 bases has 137 tokens",
                                "136 positions (about 135 bases)", "--regions"));
  EXPECT_THAT([&] { embedder.tokenize(std::string(2000000, 'C'), "x"); },
              throws_data_error("2,000,000 bases has 2,000,000 tokens", "about 134 bases"));
  EXPECT_EQ(embedder.tokenize("ACG", "x").size(), 3u);
  for (const char* bases : {"", "A", "AC"}) {
    EXPECT_THAT([&] { embedder.tokenize(bases, "sequence 'b'"); },
                throws_data_error("sequence 'b'", "too short"));
  }
}

TEST(Embedder, NumbersThatAreNotFiniteAreNoVector) {
  const RandomModel random = random_model();
  core::Tensor bias =
      random.model->parameters().value("bert.encoder.layer.1.output.LayerNorm.bias");
  bias.set(std::vector<float>(16, std::numeric_limits<float>::infinity()));
  for (const Pool pool : {Pool::mean, Pool::cls, Pool::tokens}) {
    const Embedder embedder(*random.model, random.tokenizer, pool, 0);
    EXPECT_THAT([&] { embedder.embed(sequences_of(random)); }, throws_data_error("not finite"));
  }
}

class AlleleWindows : public testing::Test {
 protected:
  AlleleWindows() : genome_({{"chr1", contig_}}), checker_(genome_, random_.tokenizer, kWindow) {}

  std::vector<AlleleWindow> windows(const Variant& variant, seq::Haplotype haplotype) {
    return allele_windows(checker_, variant, haplotype, kWindow);
  }

  static constexpr std::int64_t kWindow = 40;
  core::Rng rng_{8};
  const RandomModel random_ = random_model();
  // With a run of one base, to the left of which indels inside of it are shifted.
  const std::string contig_ =
      random_bases(50, rng_) + "G" + random_bases(48, rng_) + "CAAAAAAT" + random_bases(93, rng_);
  const MemoryGenome genome_;
  AlleleChecker checker_;
};

TEST_F(AlleleWindows, HoldTheHaplotypeWithTheAlleleInTheMiddle) {
  const Variant variant{"1", 50, "G", {"A", "<DEL>", "ACC"}};
  const auto alternate = windows(variant, seq::Haplotype::alternate);
  const auto reference = windows(variant, seq::Haplotype::reference);
  ASSERT_EQ(alternate.size(), 3u);
  const std::string left = contig_.substr(31, 19);  // (40 - 1) / 2 before it
  EXPECT_EQ(reference[0].bases, contig_.substr(31, 40));
  EXPECT_EQ(alternate[0].bases, left + "A" + contig_.substr(51, 20));
  EXPECT_EQ(alternate[2].bases, left + "ACC" + contig_.substr(51, 18));
  EXPECT_EQ(alternate[0].status, AlleleStatus::ok);
  EXPECT_EQ(alternate[1].status, AlleleStatus::symbolic);
  EXPECT_EQ(alternate[1].bases, "");
}

TEST_F(AlleleWindows, AreThoseOfTheCanonicalWriting) {
  const auto first = windows({"chr1", 99, "CA", {"C"}}, seq::Haplotype::alternate);
  const auto last = windows({"chr1", 104, "AA", {"A"}}, seq::Haplotype::alternate);
  ASSERT_EQ(first[0].status, AlleleStatus::ok);
  EXPECT_EQ(first[0].bases, last[0].bases);
  EXPECT_EQ(first[0].bases, contig_.substr(80, 20) + contig_.substr(101, 20));
}

TEST_F(AlleleWindows, AreFilledWithNBeyondTheContig) {
  const std::string ref(1, contig_[2]);
  const auto begin = windows({"chr1", 2, ref, {ref == "A" ? "G" : "A"}}, seq::Haplotype::reference);
  EXPECT_EQ(begin[0].bases, std::string(17, 'N') + contig_.substr(0, 23));
}

TEST_F(AlleleWindows, OfWhatCannotBeScoredThereIsNone) {
  const char other = contig_[10] == 'A' ? 'C' : 'A';
  const auto window = [&](const Variant& variant) {
    return windows(variant, seq::Haplotype::reference).at(0);
  };
  EXPECT_EQ(window({"chr2", 1, "A", {"C"}}).status, AlleleStatus::no_contig);
  EXPECT_EQ(window({"chr1", 10, std::string(1, other), {"G"}}).status, AlleleStatus::ref_mismatch);
  EXPECT_EQ(window({"chr1", 5000, "A", {"C"}}).status, AlleleStatus::out_of_range);
  EXPECT_EQ(window({"chr1", 5000, "A", {"C"}}).bases, "");
}

}  // namespace
}  // namespace dnabird::predict
