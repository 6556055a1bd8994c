#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/errors.h"
#include "core/text.h"
#include "io/vcf_state.h"

namespace dnabird::io {

VariantRecord::VariantRecord() = default;
VariantRecord::VariantRecord(VariantRecord&&) noexcept = default;
VariantRecord& VariantRecord::operator=(VariantRecord&&) noexcept = default;
VariantRecord::~VariantRecord() = default;

VariantRecord::State& VariantRecord::state() const {
  core::require(state_ != nullptr, "VariantRecord: none was read");
  return *state_;
}

const std::string& VariantRecord::contig() const { return state().contig; }
std::int64_t VariantRecord::position() const { return state().position; }
const std::string& VariantRecord::ref() const { return state().ref; }
const std::vector<std::string>& VariantRecord::alts() const { return state().alts; }

VariantRecord::StatePointer VariantRecord::Store::take(const std::shared_ptr<Store>& store) {
  std::unique_ptr<State> state;
  {
    const std::lock_guard lock(store->mutex_);
    if (!store->free_.empty()) {
      state = std::move(store->free_.back());
      store->free_.pop_back();
    }
  }
  if (!state) state = std::make_unique<State>();
  state->store = store;
  return StatePointer(state.release());
}

void VariantRecord::Release::operator()(State* raw) const {
  std::unique_ptr<State> state(raw);
  const std::shared_ptr<Store> store = std::move(state->store);
  if (!store) return;
  const std::lock_guard lock(store->mutex_);
  store->free_.push_back(std::move(state));
}

namespace {

template <class T>
T first_element(const bcf_info_t& info) {
  T value;
  std::memcpy(&value, info.vptr, sizeof(T));
  return value;
}

template <class T>
std::optional<double> first_integer(const bcf_info_t& info, T missing, T vector_end) {
  const T value = first_element<T>(info);
  if (value == missing || value == vector_end) return std::nullopt;
  return static_cast<double>(value);
}

/// A number in a value that the header does not declare as one: its first element.
std::optional<double> first_word(const bcf_info_t& info) {
  std::string text(reinterpret_cast<const char*>(info.vptr), static_cast<std::size_t>(info.len));
  text = text.substr(0, text.find_first_of(std::string(",\0", 2)));
  return core::parse_double(text);
}

bool ends_a_value(char c) {
  return c == ',' || c == ';' || c == '=' || c == ' ' || c == '\t' || c == '\n';
}

}  // namespace

std::optional<double> VariantRecord::info_number(const std::string& tag) const {
  if (!state_ || !state_->header) return std::nullopt;
  const std::lock_guard lock(state_->header->mutex);
  const bcf_info_t* info = bcf_get_info(state_->header->get(), state_->record.get(), tag.c_str());
  if (!info || !info->vptr || info->len < 1) return std::nullopt;
  switch (info->type) {
    case BCF_BT_INT8:
      return first_integer<std::int8_t>(*info, bcf_int8_missing, bcf_int8_vector_end);
    case BCF_BT_INT16:
      return first_integer<std::int16_t>(*info, bcf_int16_missing, bcf_int16_vector_end);
    case BCF_BT_INT32:
      return first_integer<std::int32_t>(*info, bcf_int32_missing, bcf_int32_vector_end);
    case BCF_BT_INT64:
      return first_integer<std::int64_t>(*info, bcf_int64_missing, bcf_int64_vector_end);
    case BCF_BT_FLOAT: {
      const float value = first_element<float>(*info);
      if (bcf_float_is_missing(value) || bcf_float_is_vector_end(value)) return std::nullopt;
      return value;
    }
    case BCF_BT_CHAR:
      return first_word(*info);
    default:
      return std::nullopt;
  }
}

Annotation& VariantRecord::State::annotate(const std::string& tag) {
  std::size_t i = 0;
  while (i < n_annotations && slots[i].tag != tag) ++i;
  if (i == slots.size()) slots.emplace_back();
  Annotation& annotation = slots[i];
  if (i == n_annotations) {
    ++n_annotations;
    annotation.tag = tag;
  }
  annotation.floats.clear();
  annotation.text.clear();
  return annotation;
}

void VariantRecord::set_info_floats(const std::string& tag,
                                    const std::vector<std::optional<float>>& values) {
  core::require(values.size() == alts().size(), "set_info_floats: one value per ALT is needed");
  std::vector<float>& floats = state_->annotate(tag).floats;
  for (const std::optional<float>& value : values) {
    floats.push_back(value.value_or(0));
    if (!value || !std::isfinite(*value)) bcf_float_set_missing(floats.back());
  }
}

void VariantRecord::set_info_strings(const std::string& tag,
                                     const std::vector<std::string>& values) {
  core::require(values.size() == alts().size(), "set_info_strings: one value per ALT is needed");
  std::string& text = state_->annotate(tag).text;
  for (const std::string& value : values) {
    if (value.empty() || std::any_of(value.begin(), value.end(), ends_a_value)) {
      core::require(false, "set_info_strings: '" + value + "' cannot stand in INFO");
    }
    if (!text.empty()) text += ',';
    text += value;
  }
}

}  // namespace dnabird::io
