#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>
#include <unordered_map>

#include "core/errors.h"
#include "core/text.h"
#include "seq/bpe_tokenizer.h"

namespace dnabird::seq {

using core::DataError;
using nlohmann::json;

namespace {

using TokenIds = std::unordered_map<std::string, std::int32_t>;

/// A file can nest its values too deep for the stack, on which dump() goes down.
bool is_deeper(const json& value, int levels) {
  if (!value.is_structured()) return false;
  return levels == 0 || std::any_of(value.begin(), value.end(), [levels](const json& inner) {
           return is_deeper(inner, levels - 1);
         });
}

[[noreturn]] void refuse(const std::string& part, const json& value, const std::string& expected) {
  constexpr int kMostLevels = 8;
  const std::string text = is_deeper(value, kMostLevels)
                               ? std::string("a nested ") + value.type_name()
                               : value.dump(-1, ' ', false, json::error_handler_t::replace);
  throw DataError(part + " is " + core::printable(text) + ", which is not supported; expected " +
                  expected);
}

std::string in_quotes(const std::string& text) { return "'" + core::printable(text) + "'"; }

/// An object of the file. A key that nobody asked for is an error: it would change the tokens.
class Part {
 public:
  Part(const json& object, std::string name) : object_(object), name_(std::move(name)) {
    if (!object.is_object()) refuse(name_, object, "an object");
  }

  std::string name_of(const std::string& key) const {
    return name_.empty() ? key : name_ + "." + key;
  }

  /// The value of a key, null if it is not there.
  const json& get(const std::string& key) {
    static const json none;
    asked_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? none : *found;
  }

  std::string text(const std::string& key) {
    const json& value = get(key);
    if (!value.is_string()) refuse(name_of(key), value, "a text");
    return value.get<std::string>();
  }

  bool flag(const std::string& key) {
    const json& value = get(key);
    if (!value.is_boolean()) refuse(name_of(key), value, "true or false");
    return value.get<bool>();
  }

  const json& list(const std::string& key) {
    const json& value = get(key);
    if (!value.is_array()) refuse(name_of(key), value, "a list");
    return value;
  }

  /// One of these values, of which null also stands for a key that is not there.
  void expect(const std::string& key, const std::vector<json>& allowed) {
    const json& value = get(key);
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
    std::vector<std::string> texts;
    texts.reserve(allowed.size());
    for (const json& one : allowed) texts.push_back(one.dump());
    refuse(name_of(key), value, core::join(texts, " or "));
  }

  /// To be called when all has been asked.
  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      if (!asked_.contains(key)) refuse(name_of(core::printable(key)), value, "no such key");
    }
  }

 private:
  const json& object_;
  std::string name_;
  std::set<std::string> asked_;
};

/// A number of a token, in [0, end).
std::int32_t id_of(const json& value, const std::string& name, std::size_t end) {
  const bool is_id = value.is_number_integer() && value >= 0 && value < end;
  if (!is_id) refuse(name, value, "a whole number below " + std::to_string(end));
  return value.get<std::int32_t>();
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 128; });
}

void check_text(const std::string& text, const std::string& part) {
  if (text.empty()) throw DataError(part + " holds a token without a text");
  if (is_ascii(text)) return;
  throw DataError(part + " holds the token " + in_quotes(text) +
                  ", which is not supported; expected ASCII characters");
}

/// Tokens that are searched for in the text, with the part of the file where each stands.
struct NamedTokens {
  std::vector<BpeDefinition::AddedToken> tokens;
  std::vector<std::string> names;
};

NamedTokens read_added_tokens(const json& list, std::size_t most_ids) {
  NamedTokens added;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Part part(list[i], "added_tokens[" + std::to_string(i) + "]");
    const std::string text = part.text("content");
    check_text(text, part.name_of("content"));
    added.tokens.push_back({text, id_of(part.get("id"), part.name_of("id"), most_ids)});
    for (const char* key : {"single_word", "lstrip", "rstrip", "normalized"}) {
      part.expect(key, {false});
    }
    part.flag("special");
    part.finish();
    added.names.push_back(part.name_of("id"));
  }
  return added;
}

/// The texts of model.vocab and of the added tokens by id, each once.
std::vector<std::string> read_vocabulary(const json& vocab, const NamedTokens& added,
                                         TokenIds& ids) {
  std::size_t size = vocab.size();
  for (const BpeDefinition::AddedToken& token : added.tokens) {
    if (!vocab.contains(token.text) && ids.emplace(token.text, token.id).second) ++size;
  }
  ids.clear();
  std::vector<std::string> texts(size);
  const auto place = [&](const std::string& text, std::int32_t id, const std::string& part) {
    std::string& slot = texts[static_cast<std::size_t>(id)];
    const auto [entry, is_new] = ids.emplace(text, id);
    if (entry->second != id || (is_new && !slot.empty())) {
      throw DataError(part + " gives " + in_quotes(text) + " the id " + std::to_string(id) +
                      ", but " + (is_new ? in_quotes(slot) + " has it" : "it has another already"));
    }
    slot = text;
  };
  for (const auto& [text, id] : vocab.items()) {
    check_text(text, "model.vocab");
    place(text, id_of(id, "model.vocab." + core::printable(text), size), "model.vocab");
  }
  for (std::size_t i = 0; i < added.tokens.size(); ++i) {
    const auto& [text, id] = added.tokens[i];
    if (static_cast<std::size_t>(id) >= size) {
      refuse(added.names[i], id, "a whole number below " + std::to_string(size));
    }
    place(text, id, added.names[i]);
  }
  return texts;
}

/// The two sides of a merge: "A C" or ["A", "C"].
std::pair<std::string, std::string> sides_of(const json& merge, const std::string& name) {
  if (merge.is_string()) {
    const std::vector<std::string> sides = core::split(merge.get<std::string>(), ' ');
    if (sides.size() == 2) return {sides[0], sides[1]};
  } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
             merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  refuse(name, merge, "two tokens");
}

std::vector<BpeMerges::Merge> read_merges(const json& list, const TokenIds& ids) {
  std::vector<BpeMerges::Merge> merges;
  std::set<std::pair<std::int32_t, std::int32_t>> pairs;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string name = "model.merges[" + std::to_string(i) + "]";
    const auto [left, right] = sides_of(list[i], name);
    const auto id = [&](const std::string& text) {
      const auto found = ids.find(text);
      if (found != ids.end()) return found->second;
      throw DataError(name + ": " + in_quotes(text) + " is not in model.vocab");
    };
    const BpeMerges::Merge merge{id(left), id(right), id(left + right)};
    if (!pairs.emplace(merge.left, merge.right).second) {
      throw DataError(name + ": " + in_quotes(left + " " + right) + " is there twice");
    }
    merges.push_back(merge);
  }
  return merges;
}

void read_model(const json& object, const NamedTokens& added, BpeDefinition& definition,
                TokenIds& ids) {
  Part part(object, "model");
  part.expect("type", {"BPE"});
  part.expect("dropout", {nullptr, 0.0});
  part.expect("continuing_subword_prefix", {nullptr, ""});
  part.expect("end_of_word_suffix", {nullptr, ""});
  for (const char* key : {"fuse_unk", "byte_fallback", "ignore_merges"}) {
    part.expect(key, {false, nullptr});
  }
  const json& vocab = part.get("vocab");
  if (!vocab.is_object() || vocab.empty()) refuse(part.name_of("vocab"), vocab, "tokens with ids");
  definition.vocabulary = read_vocabulary(vocab, added, ids);
  const std::string unknown = part.text("unk_token");
  if (!vocab.contains(unknown)) {
    throw DataError("model.unk_token is " + in_quotes(unknown) + ", which is not in model.vocab");
  }
  definition.special.unknown = ids.at(unknown);
  definition.merges = read_merges(part.list("merges"), ids);
  part.finish();
}

void read_replace(Part& part, BpeDefinition::NormalizerStep& step) {
  Part pattern(part.get("pattern"), part.name_of("pattern"));
  const std::string text = pattern.text("Regex");
  pattern.finish();
  // A letter, then {least,}
  std::size_t least = 0;
  const char* const end = text.data() + text.size();
  const bool is_run = text.size() >= 5 && std::isalnum(static_cast<unsigned char>(text[0])) &&
                      text[1] == '{' && text.ends_with(",}");
  const auto [stop, error] =
      std::from_chars(is_run ? text.data() + 2 : end, is_run ? end - 2 : end, least);
  if (!is_run || error != std::errc() || stop != end - 2 || least < 1) {
    refuse(pattern.name_of("Regex"), text, "a letter and how often it must follow itself: N{10,}");
  }
  step.letter = text[0];
  step.least = least;
  step.content = part.text("content");
  if (step.content.size() > least || !is_ascii(step.content)) {
    refuse(part.name_of("content"), step.content,
           "ASCII characters, no more than the pattern holds");
  }
}

void read_normalizer(const json& object, const std::string& name, BpeDefinition& definition) {
  Part part(object, name);
  const std::string type = part.text("type");
  BpeDefinition::NormalizerStep step;
  if (type == "Strip") {
    step.strip_left = part.flag("strip_left");
    step.strip_right = part.flag("strip_right");
  } else if (type == "Replace") {
    read_replace(part, step);
  } else {
    refuse(part.name_of("type"), type, "Strip or Replace");
  }
  part.finish();
  definition.normalizer.push_back(std::move(step));
}

void read_normalizers(const json& object, BpeDefinition& definition) {
  if (object.is_null()) return;
  if (!object.is_object() || object.value("type", json()) != "Sequence") {
    return read_normalizer(object, "normalizer", definition);
  }
  Part part(object, "normalizer");
  part.text("type");
  const json& list = part.list("normalizers");
  for (std::size_t i = 0; i < list.size(); ++i) {
    read_normalizer(list[i], "normalizer.normalizers[" + std::to_string(i) + "]", definition);
  }
  part.finish();
}

void read_pre_tokenizer(const json& object, BpeDefinition& definition) {
  if (object.is_null()) return;
  Part part(object, "pre_tokenizer");
  part.expect("type", {"Split"});
  part.expect("behavior", {"Isolated"});
  part.expect("invert", {false});
  Part pattern(part.get("pattern"), part.name_of("pattern"));
  definition.delimiter = pattern.text("String");
  pattern.finish();
  if (definition.delimiter.empty()) refuse(pattern.name_of("String"), "", "a text");
  part.finish();
}

void read_post_processor(const json& object, const TokenIds& ids, BpeDefinition& definition) {
  Part part(object, "post_processor");
  part.expect("type", {"BertProcessing"});
  const auto token = [&](const std::string& key) {
    const json& pair = part.list(key);
    if (pair.size() == 2 && pair[0].is_string()) {
      const auto found = ids.find(pair[0].get<std::string>());
      if (found != ids.end() && pair[1] == found->second) return found->second;
    }
    refuse(part.name_of(key), pair, "a token of model.vocab and its id");
  };
  definition.special.cls = token("cls");
  definition.special.sep = token("sep");
  part.finish();
}

void check_decoder(const json& object) {
  if (object.is_null()) return;
  Part part(object, "decoder");
  part.expect("type", {"BPEDecoder"});
  part.text("suffix");
  part.finish();
}

}  // namespace

BpeDefinition bpe_definition_from_json(const json& file) {
  constexpr std::size_t kMostIds = std::size_t{1} << 31;
  Part part(file, "");
  part.expect("version", {"1.0"});
  part.expect("truncation", {nullptr});
  part.expect("padding", {nullptr});
  BpeDefinition definition;
  TokenIds ids;
  NamedTokens added = read_added_tokens(part.list("added_tokens"), kMostIds);
  read_model(part.get("model"), added, definition, ids);
  definition.added = std::move(added.tokens);
  read_normalizers(part.get("normalizer"), definition);
  read_pre_tokenizer(part.get("pre_tokenizer"), definition);
  read_post_processor(part.get("post_processor"), ids, definition);
  check_decoder(part.get("decoder"));
  part.finish();
  const auto special = [&](const char* text) {
    const auto found = ids.find(text);
    if (found != ids.end()) return found->second;
    throw DataError("model.vocab has no token " + std::string(text));
  };
  definition.special.pad = special("[PAD]");
  definition.special.mask = special("[MASK]");
  return definition;
}

}  // namespace dnabird::seq
