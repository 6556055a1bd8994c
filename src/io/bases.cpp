#include "io/bases.h"

#include <array>

namespace dnabird::io {
namespace {

constexpr std::array<char, 256> make_table() {
  std::array<char, 256> table{};
  for (char& letter : table) letter = 'N';
  for (const char base : {'A', 'C', 'G', 'T'}) {
    table[static_cast<unsigned char>(base)] = base;
    table[static_cast<unsigned char>(base - 'A' + 'a')] = base;
  }
  table['U'] = table['u'] = 'T';
  return table;
}

constexpr std::array<char, 256> kTable = make_table();

}  // namespace

void normalize_bases(std::string& bases) {
  for (char& base : bases) base = kTable[static_cast<unsigned char>(base)];
}

}  // namespace dnabird::io
