#include "train/markov.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "core/errors.h"
#include "core/rng.h"
#include "seq/alphabet.h"

namespace dnabird::train {
namespace {

std::string random_bases(int n, std::uint64_t seed) {
  core::Rng rng(seed);
  std::string bases;
  for (int i = 0; i < n; ++i) bases += "ACGT"[rng.below(4)];
  return bases;
}

TEST(Markov, OrderZeroByHand) {
  MarkovModel model(0);
  model.add("AACG");  // with one added to each: A 3/8, C 2/8, G 2/8, T 1/8
  EXPECT_EQ(model.bases(), 4);
  const MarkovModel::Score score = model.score("ATNa");
  EXPECT_EQ(score.bases, 3);
  EXPECT_NEAR(score.bits, -2 * std::log2(3.0 / 8) + 3, 1e-12);
}

TEST(Markov, UntrainedIsTwoBits) {
  for (const int order : {0, 1, 5}) {
    EXPECT_DOUBLE_EQ(MarkovModel(order).score(random_bases(100, 1)).bits_per_base(), 2);
  }
}

TEST(Markov, AgreesWithCountsOfSubstrings) {
  const int order = 2;
  const std::string train = random_bases(300, 2) + "N" + random_bases(40, 3);
  const std::string test = random_bases(50, 4) + "NN" + random_bases(3, 5);
  MarkovModel model(order, Strands::forward, 0.5);
  model.add(train);
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < train.size(); ++i) {
    for (std::size_t n = 1; n <= 3 && i + n <= train.size(); ++n) ++seen[train.substr(i, n)];
  }
  double bits = 0;
  std::size_t run = 0;  // known bases before this one
  for (std::size_t i = 0; i < test.size(); ++i) {
    if (test[i] == 'N') {
      run = 0;
      continue;
    }
    const std::string context =
        test.substr(i - std::min<std::size_t>(run, 2), std::min<std::size_t>(run, 2));
    double all = 0;
    for (const char c : std::string("ACGT")) all += seen[context + c];
    bits -= std::log2((seen[context + test[i]] + 0.5) / (all + 2));
    ++run;
  }
  EXPECT_NEAR(model.score(test).bits, bits, 1e-9);
  EXPECT_EQ(model.score(test).bases, 53);
}

TEST(Markov, BothStrandsCountTheReverseComplement) {
  MarkovModel both(3, Strands::both), by_hand(3);
  const std::string bases = random_bases(200, 6);
  both.add(bases);
  by_hand.add(bases);
  by_hand.add(seq::reverse_complement(bases));
  const std::string test = random_bases(60, 7);
  EXPECT_DOUBLE_EQ(both.score(test).bits, by_hand.score(test).bits);
  EXPECT_EQ(both.bases(), 400);
}

TEST(Markov, LearnsARepeat) {
  std::string repeat;
  for (int i = 0; i < 500; ++i) repeat += "ACGTT";
  MarkovModel model(5);
  model.add(repeat);
  EXPECT_LT(model.score(repeat).bits_per_base(), 0.05);
  EXPECT_GT(model.score(random_bases(500, 8)).bits_per_base(), 2);
}

TEST(Markov, RefusesNonsense) {
  EXPECT_THROW(MarkovModel(-1), core::UsageError);
  EXPECT_THROW(MarkovModel(11), core::UsageError);
  EXPECT_THROW(MarkovModel(3, Strands::forward, 0), core::UsageError);
}

}  // namespace
}  // namespace dnabird::train
