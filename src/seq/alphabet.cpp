#include "seq/alphabet.h"

#include <algorithm>
#include <array>

namespace dnabird::seq {

namespace {

// Bits of A C G T in an IUPAC letter; 0 for what is none.
constexpr unsigned kA = 1, kC = 2, kG = 4, kT = 8;

char upper(char letter) {
  return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

unsigned iupac_bits(char letter) {
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

std::array<signed char, 256> make_codes() {
  std::array<signed char, 256> codes;
  codes.fill(-1);
  const char* const letters = "ATCG";
  for (int code = 0; code < 4; ++code) {
    codes[static_cast<unsigned char>(letters[code])] = static_cast<signed char>(code);
    codes[static_cast<unsigned char>(letters[code] - 'A' + 'a')] = static_cast<signed char>(code);
  }
  return codes;
}

const std::array<signed char, 256> kCodes = make_codes();

}  // namespace

int base_code(char letter) { return kCodes[static_cast<unsigned char>(letter)]; }

bool is_acgt(char letter) { return base_code(letter) >= 0; }

char complement(char letter) {
  const unsigned bits = iupac_bits(letter);
  const unsigned paired =
      (bits & kA ? kT : 0) | (bits & kT ? kA : 0) | (bits & kC ? kG : 0) | (bits & kG ? kC : 0);
  return kLetters[paired];
}

std::string normalize(std::string_view bases) {
  std::string result(bases);
  for (char& letter : result) {
    letter = upper(letter);
    if (letter == 'U') letter = 'T';
    if (!is_acgt(letter)) letter = 'N';
  }
  return result;
}

std::string reverse_complement(std::string_view bases) {
  std::string result(bases.rbegin(), bases.rend());
  std::transform(result.begin(), result.end(), result.begin(), complement);
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
