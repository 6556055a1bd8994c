#include "core/distinct_texts.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_map>
#include <utility>

#include "core/rng.h"

namespace dnabird::core {
namespace {

TEST(DistinctTexts, NumbersTextsInTheirOrderEqualOnesOnce) {
  DistinctTexts texts;
  EXPECT_EQ(texts.find("a"), std::nullopt);
  EXPECT_EQ(texts.add("a"), std::pair(std::size_t{0}, true));
  EXPECT_EQ(texts.add(""), std::pair(std::size_t{1}, true));
  EXPECT_EQ(texts.add("a"), std::pair(std::size_t{0}, false));
  EXPECT_EQ(texts.add(""), std::pair(std::size_t{1}, false));
  EXPECT_EQ(texts.find("aa"), std::nullopt);
  EXPECT_EQ(texts.size(), 2u);
  const std::string longer_than_a_page(100000, 'x');
  EXPECT_EQ(texts.add(longer_than_a_page).first, 2u);
  EXPECT_EQ(texts[0], "a");
  EXPECT_EQ(texts[1], "");
  EXPECT_EQ(texts[2], longer_than_a_page);
}

TEST(DistinctTexts, AgreesWithAMap) {
  Rng rng(1);
  DistinctTexts texts;
  std::unordered_map<std::string, std::size_t> expected;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (std::size_t n = rng.below(8); n > 0; --n) text += "ACGT"[rng.below(4)];
    const auto [entry, is_new] = expected.try_emplace(text, expected.size());
    ASSERT_EQ(texts.add(text), std::pair(entry->second, is_new));
  }
  const DistinctTexts moved = std::move(texts);
  ASSERT_EQ(moved.size(), expected.size());
  for (const auto& [text, i] : expected) {
    EXPECT_EQ(moved[i], text);
    EXPECT_EQ(moved.find(text), i);
    EXPECT_EQ(moved.find(text + "N"), std::nullopt);
  }
}

}  // namespace
}  // namespace dnabird::core
