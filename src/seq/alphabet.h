// Bases as letters. In code: upper-case A C G T, anything else counts as unknown.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace dnabird::seq {

/// base_code() of every character.
inline constexpr std::array<signed char, 256> kBaseCodes = [] {
  std::array<signed char, 256> codes{};
  codes.fill(-1);
  codes['A'] = codes['a'] = 0;
  codes['T'] = codes['t'] = 1;
  codes['C'] = codes['c'] = 2;
  codes['G'] = codes['g'] = 3;
  return codes;
}();

/// 0..3 in the order A T C G (DNABERT's), -1 for anything else; case ignored.
constexpr int base_code(char letter) { return kBaseCodes[static_cast<unsigned char>(letter)]; }
constexpr bool is_acgt(char letter) { return base_code(letter) >= 0; }
/// Complement of an IUPAC letter, upper-case; N for what is not one.
char complement(char letter);
/// Upper-cases; U becomes T; every other letter that is not A C G T becomes N.
std::string normalize(std::string_view bases);
std::string reverse_complement(std::string_view bases);
/// True if the IUPAC code `code` includes `base` (R includes A and G; N includes all).
bool iupac_includes(char code, char base);
/// Share of letters that are not A C G T; 0 for an empty text.
double unknown_fraction(std::string_view bases);

}  // namespace dnabird::seq
