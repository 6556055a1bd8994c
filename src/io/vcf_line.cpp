#include "io/vcf_line.h"

#include <algorithm>

namespace dnabird::io {
namespace {

enum Column { kContig, kPosition, kId, kRef, kAlt, kQuality, kFilter, kInfo };

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes what stands before the separator off the front of `rest`, and the separator.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

/// Takes digits off the front of `rest`.
std::string_view take_digits(std::string_view& rest) {
  std::size_t n = 0;
  while (n < rest.size() && is_digit(rest[n])) ++n;
  const std::string_view taken = rest.substr(0, n);
  rest.remove_prefix(n);
  return taken;
}

/// Of a number without leading zeros that 32 bits hold for certain.
bool are_plain(std::string_view digits) {
  return !digits.empty() && digits.size() <= 9 && (digits.size() == 1 || digits[0] != '0');
}

// The next two take a number off the front of `rest` if it has the digits that htslib gives it.

bool take_integer(std::string_view& rest) {
  if (rest.starts_with('.')) return rest.remove_prefix(1), true;
  const bool is_negative = rest.starts_with('-');
  if (is_negative) rest.remove_prefix(1);
  const std::string_view digits = take_digits(rest);
  return are_plain(digits) && !(is_negative && digits == "0");
}

/// Of kputd: up to six digits that count, from 0.0001 to 999999. Any such decimal survives a float
/// (FLT_DIG).
bool take_decimal(std::string_view& rest) {
  constexpr std::size_t kDigits = 6, kZeros = 3;  // the latter: of 0.000ddd
  if (rest.starts_with('.')) return rest.remove_prefix(1), true;
  const bool is_negative = rest.starts_with('-');
  if (is_negative) rest.remove_prefix(1);
  const std::string_view whole = take_digits(rest);
  if (!are_plain(whole) || whole.size() > kDigits) return false;
  if (!rest.starts_with('.')) return !(is_negative && whole == "0");
  rest.remove_prefix(1);
  const std::string_view fraction = take_digits(rest);
  if (fraction.empty() || fraction.back() == '0') return false;
  if (whole != "0") return whole.size() + fraction.size() <= kDigits;
  const std::size_t zeros = fraction.find_first_not_of('0');
  return zeros <= kZeros && fraction.size() - zeros <= kDigits;
}

template <class Take>
bool is_one(std::string_view value, Take take_one) {
  return take_one(value) && value.empty();
}

template <class Take>
bool is_list_of(std::string_view values, Take take_one) {
  while (take_one(values)) {
    if (values.empty()) return true;
    if (values.front() != ',') return false;
    values.remove_prefix(1);
  }
  return false;
}

/// `text` is "KEY" or "KEY=values".
bool is_entry_plain(std::string_view text, const bcf_info_t& parsed) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return !text.empty() && parsed.len == 0;
  const std::string_view values = text.substr(equals + 1);
  switch (parsed.type) {
    case BCF_BT_CHAR:
      return !values.empty() && static_cast<std::size_t>(parsed.len) == values.size();
    case BCF_BT_INT8:
    case BCF_BT_INT16:
    case BCF_BT_INT32:
      return parsed.len > 0 && is_list_of(values, take_integer);
    case BCF_BT_FLOAT:
      return parsed.len > 0 && is_list_of(values, take_decimal);
    default:
      return false;
  }
}

bool is_info_plain(std::string_view info, const bcf1_t* record) {
  if (info == ".") return record->n_info == 0;
  if (info.empty() || info.back() == ';') return false;
  std::uint32_t n = 0;
  for (; !info.empty(); ++n) {
    const std::string_view entry = take(info, ';');
    if (n == record->n_info || !is_entry_plain(entry, record->d.info[n])) return false;
  }
  return n == record->n_info;
}

void append_floats(const std::vector<float>& values, kstring_t& out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) kputc(',', &out);
    if (bcf_float_is_missing(values[i])) {
      kputc('.', &out);
    } else {
      kputd(values[i], &out);
    }
  }
}

/// None of its elements is empty.
bool is_list(std::string_view text, char separator) {
  const char doubled[] = {separator, separator, '\0'};
  return !text.empty() && text.front() != separator && text.back() != separator &&
         text.find(doubled) == std::string_view::npos;
}

}  // namespace

bool is_as_htslib_writes(std::string_view line, const bcf1_t* record) {
  // Bytes that htslib reads as an end or as a missing value.
  if (line.find('\0') != std::string_view::npos) return false;
  if (line.find(bcf_str_missing) != std::string_view::npos) return false;
  std::string_view columns[kInfo + 1];
  for (std::string_view& column : columns) column = take(line, '\t');
  return !columns[kContig].empty() && is_one(columns[kPosition], take_integer) &&
         !columns[kId].empty() && !columns[kRef].empty() && is_list(columns[kAlt], ',') &&
         is_one(columns[kQuality], take_decimal) && is_list(columns[kFilter], ';') &&
         is_info_plain(columns[kInfo], record);
}

void append_annotated(std::string_view line, std::span<const Annotation> annotations,
                      kstring_t& out) {
  const bool is_empty = line.ends_with("\t.");
  if (is_empty && !annotations.empty()) line.remove_suffix(1);
  kputsn(line.data(), line.size(), &out);
  bool is_first = is_empty;
  for (const Annotation& annotation : annotations) {
    if (!is_first) kputc(';', &out);
    is_first = false;
    kputsn(annotation.tag.data(), annotation.tag.size(), &out);
    kputc('=', &out);
    append_floats(annotation.floats, out);
    kputsn(annotation.text.data(), annotation.text.size(), &out);
  }
  kputc('\n', &out);
}

}  // namespace dnabird::io
