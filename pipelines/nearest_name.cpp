#include "pipelines/nearest_name.h"

#include <algorithm>
#include <cstddef>

namespace dnabird::pipelines {
namespace {

/// Edits between two words, swaps of neighbours counted as one (optimal string alignment).
std::size_t edits(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) table[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) table[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
      }
    }
  }
  return table[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(const std::string& word, const std::vector<std::string>& known) {
  constexpr std::size_t kLongestWord = 64;  // nobody mistypes more, and the table stays small
  if (word.empty() || word.size() > kLongestWord) return {};
  std::string best;
  std::size_t fewest = 0;
  for (const std::string& name : known) {
    // "thread" for "threads" and "ref" for "reference": the begin of a name is near to it.
    const bool begins = word.size() >= 3 && name.compare(0, word.size(), word) == 0;
    const std::size_t distance = begins ? 1 : edits(word, name);
    if (best.empty() || distance < fewest) {
      best = name;
      fewest = distance;
    }
  }
  return fewest <= std::max<std::size_t>(1, word.size() / 3) ? best : std::string();
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = nearest_name(word, known);
  return nearest.empty() ? std::string() : "; did you mean '" + nearest + "'?";
}

}  // namespace dnabird::pipelines
