#include "seq/alphabet.h"

#include <algorithm>
#include <array>

namespace dnabird::seq {

namespace {

// Bits of A C G T in an IUPAC letter; 0 for what is none.
constexpr unsigned kA = 1, kC = 2, kG = 4, kT = 8;

constexpr char upper(char letter) {
  return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

constexpr unsigned iupac_bits(char letter) {
  switch (upper(letter)) {
    case 'A':
      return kA;
    case 'C':
      return kC;
    case 'G':
      return kG;
    case 'T':
    case 'U':
      return kT;
    case 'R':
      return kA | kG;
    case 'Y':
      return kC | kT;
    case 'S':
      return kC | kG;
    case 'W':
      return kA | kT;
    case 'K':
      return kG | kT;
    case 'M':
      return kA | kC;
    case 'B':
      return kC | kG | kT;
    case 'D':
      return kA | kG | kT;
    case 'H':
      return kA | kC | kT;
    case 'V':
      return kA | kC | kG;
    case 'N':
      return kA | kC | kG | kT;
    default:
      return 0;
  }
}

/// Letter of a set of bases.
constexpr char kLetters[] = "NACMGRSVTWYHKDBN";

constexpr char complement_of(char letter) {
  const unsigned bits = iupac_bits(letter);
  const unsigned paired =
      (bits & kA ? kT : 0) | (bits & kT ? kA : 0) | (bits & kC ? kG : 0) | (bits & kG ? kC : 0);
  return kLetters[paired];
}

constexpr char normalized(char letter) {
  letter = upper(letter);
  if (letter == 'U') letter = 'T';
  return is_acgt(letter) ? letter : 'N';
}

// Whole sequences go through these.
using LetterTable = std::array<char, 256>;

constexpr LetterTable table_of(char (*map)(char)) {
  LetterTable table{};
  for (int i = 0; i < 256; ++i) table[static_cast<std::size_t>(i)] = map(static_cast<char>(i));
  return table;
}

constexpr LetterTable kComplements = table_of(complement_of), kNormalized = table_of(normalized);

}  // namespace

char complement(char letter) { return kComplements[static_cast<unsigned char>(letter)]; }

std::string normalize(std::string_view bases) {
  std::string result(bases);
  for (char& letter : result) letter = kNormalized[static_cast<unsigned char>(letter)];
  return result;
}

std::string reverse_complement(std::string_view bases) {
  std::string result(bases.size(), '\0');
  std::transform(bases.rbegin(), bases.rend(), result.begin(), complement);
  return result;
}

bool iupac_includes(char code, char base) {
  const unsigned bits = iupac_bits(base);
  return bits != 0 && (iupac_bits(code) & bits) == bits;
}

double unknown_fraction(std::string_view bases) {
  if (bases.empty()) return 0;
  const auto known = std::count_if(bases.begin(), bases.end(), is_acgt);
  return 1 - static_cast<double>(known) / static_cast<double>(bases.size());
}

}  // namespace dnabird::seq
