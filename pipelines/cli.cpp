#include "pipelines/cli.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <variant>

#include "core/errors.h"
#include "core/log.h"
#include "core/text.h"
#include "io/output_file.h"
#include "pipelines/nearest_name.h"

namespace dnabird::pipelines {
namespace {

namespace po = boost::program_options;
using core::UsageError;

constexpr unsigned kHelpWidth = 100;

using Target = std::variant<std::string*, int*, std::int64_t*, std::uint64_t*, double*,
                            std::vector<std::string>*, bool*>;

std::string shown_default(const Target& target) {
  if (const auto* text = std::get_if<std::string*>(&target)) return **text;
  if (const auto* number = std::get_if<int*>(&target)) return std::to_string(**number);
  if (const auto* number = std::get_if<std::int64_t*>(&target)) return std::to_string(**number);
  if (const auto* number = std::get_if<std::uint64_t*>(&target)) return std::to_string(**number);
  if (const auto* number = std::get_if<double*>(&target)) {
    std::ostringstream text;
    text << **number;
    return text.str();
  }
  return {};
}

const char* value_name(const Target& target) {
  if (std::holds_alternative<double*>(target)) return "NUMBER";
  if (std::holds_alternative<std::string*>(target)) return "TEXT";
  if (std::holds_alternative<std::vector<std::string>*>(target)) return "TEXT";
  return "N";
}

template <class Integer>
Integer whole_number(const std::string& name, const std::string& value) {
  const std::optional<std::int64_t> number = core::parse_int(value);
  if (!number) throw UsageError("--" + name + ": '" + value + "' is not a whole number");
  if (!std::in_range<Integer>(*number)) {
    throw UsageError("--" + name + ": " + value + " is too " + (*number < 0 ? "small" : "large"));
  }
  return static_cast<Integer>(*number);
}

double real_number(const std::string& name, const std::string& value) {
  const std::optional<double> number = core::parse_double(value);
  if (!number || !std::isfinite(*number)) {
    throw UsageError("--" + name + ": '" + value + "' is not a number");
  }
  return *number;
}

struct Assign {
  const std::string& name;
  const std::string& value;

  void operator()(std::string* target) const { *target = value; }
  void operator()(int* target) const { *target = whole_number<int>(name, value); }
  void operator()(std::int64_t* target) const { *target = whole_number<std::int64_t>(name, value); }
  void operator()(std::uint64_t* target) const {
    *target = whole_number<std::uint64_t>(name, value);
  }
  void operator()(double* target) const { *target = real_number(name, value); }
  void operator()(std::vector<std::string>* target) const { target->push_back(value); }
  void operator()(bool* target) const { *target = true; }
};

/// A word that a shell reads as itself; else in single quotes.
std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string& stored_command_line() {
  static std::string line;
  return line;
}

}  // namespace

const char* const kVersion = DNABIRD_VERSION;
const char* const kDefaultModel = "promoter-small";

const std::string& command_line() { return stored_command_line(); }

void set_command_line(int argc, char** argv) {
  std::string line = "dnabird";
  for (int i = 1; i < argc; ++i) line += " " + shell_word(argv[i]);
  stored_command_line() = line;
}

struct OptionParser::State {
  std::string usage, description, examples;
  po::options_description options{"Options", kHelpWidth, kHelpWidth / 2};
  std::map<std::string, Target> targets;  // by long name
  std::vector<std::string> names;         // long names, as declared
  std::string positional;
  std::vector<std::string>* positional_target = nullptr;
  int least = 0, most = 0;
  bool verbose = false, quiet = false, help = false;
  const CommonOptions* device_options = nullptr;  // if the command has them

  /// "dnabird score [options] ..." -> "dnabird score --help".
  std::string help_call() const {
    const std::vector<std::string> words = core::split(usage, ' ');
    return words.size() > 1 ? words[0] + " " + words[1] + " --help" : "dnabird --help";
  }

  void declare(const std::string& option_names, Target target, const std::string& help_text) {
    const std::string name = core::split(option_names, ',')[0];
    names.push_back(name);
    targets.emplace(name, target);
    if (std::holds_alternative<bool*>(target)) {
      options.add_options()(option_names.c_str(), help_text.c_str());
      return;
    }
    const std::string value = shown_default(target);
    const std::string text = value.empty() ? help_text : help_text + " [" + value + "]";
    auto* semantic = po::value<std::string>()->value_name(value_name(target));
    options.add_options()(option_names.c_str(), semantic, text.c_str());
  }

  /// Boost writes "-f [ --reference ] TEXT"; people write "-f, --reference TEXT".
  std::string option_list() const {
    std::ostringstream text;
    text << options;
    std::string list = text.str();
    for (const auto& option : options.options()) {
      const std::string from = option->format_name();
      if (from[0] != '-' || from[1] == '-') continue;
      const std::string parameter = option->format_parameter();
      const std::string value = parameter.empty() ? parameter : " " + parameter;
      std::string to = from.substr(0, 2) + ", --" + option->long_name() + value;
      to.resize(from.size() + value.size(), ' ');
      const std::size_t at = list.find(from + value);
      if (at != std::string::npos) list.replace(at, to.size(), to);
    }
    return list;
  }

  std::string help_text() const {
    std::string text = "Usage: " + usage + "\n\n" + description + "\n\n" + option_list();
    if (!examples.empty()) text += "\nExamples:\n" + examples + "\n";
    return text;
  }

  /// "-o", "--output" or "--output=..." of this command.
  bool is_option(const std::string& word) const {
    const std::string name = word.substr(0, word.find('='));
    return std::any_of(options.options().begin(), options.options().end(), [&](const auto& option) {
      const std::string shown = option->format_name();  // "-o [ --output ]" or "--output"
      return name == "--" + option->long_name() || (shown[1] != '-' && name == shown.substr(0, 2));
    });
  }

  po::parsed_options split_up(const std::vector<std::string>& arguments) const;
  void check_count(const std::vector<std::string>& words) const;
};

OptionParser::OptionParser(std::string usage, std::string description, std::string examples)
    : state_(std::make_unique<State>()) {
  state_->usage = std::move(usage);
  state_->description = std::move(description);
  state_->examples = std::move(examples);
}

OptionParser::~OptionParser() = default;

void OptionParser::add(const std::string& names, std::string* value, const std::string& help) {
  state_->declare(names, value, help);
}
void OptionParser::add(const std::string& names, int* value, const std::string& help) {
  state_->declare(names, value, help);
}
void OptionParser::add(const std::string& names, std::int64_t* value, const std::string& help) {
  state_->declare(names, value, help);
}
void OptionParser::add(const std::string& names, std::uint64_t* value, const std::string& help) {
  state_->declare(names, value, help);
}
void OptionParser::add(const std::string& names, double* value, const std::string& help) {
  state_->declare(names, value, help);
}
void OptionParser::add(const std::string& names, std::vector<std::string>* value,
                       const std::string& help) {
  state_->declare(names, value, help);
}
void OptionParser::add_flag(const std::string& names, bool* value, const std::string& help) {
  state_->declare(names, value, help);
}

void OptionParser::add_positional(const std::string& what, std::vector<std::string>* value,
                                  int least, int most) {
  core::require(!state_->positional_target, "OptionParser: one kind of positional arguments");
  state_->positional = what;
  state_->positional_target = value;
  state_->least = least;
  state_->most = most;
}

void OptionParser::add_common(CommonOptions* options, unsigned which) {
  const unsigned runs_model = which & (kDevice | kDevices);
  if (which & kModel) {
    add("model,m", &options->model, "model folder, or the name of a shipped model");
  }
  if ((which & kModel) && runs_model) {
    add("random-blocks", &options->random_blocks,
        "random blocks of the attention in place of the model's own: hf_eval, hf_train or uniform");
  }
  if (which & kOutput) add("output,o", &options->output, "where to write; - is standard output");
  if (runs_model) {
    state_->device_options = options;
    add("threads", &options->threads, "threads; 0 = all cores");
    add("device", &options->device,
        which & kDevices ? "auto, cpu, cuda or cuda:N; several GPUs: cuda:0,cuda:1 or cuda:all"
                         : "auto, cpu, cuda or cuda:N");
    add("precision", &options->precision, "auto (the fastest that the device has), f32 or bf16");
    add("batch-size", &options->batch_size, "sequences run at once; 0 = chosen");
  }
  if (which & kSeed) add("seed", &options->seed, "seed of everything random");
}

/// Boost's parser with our words for what can be wrong. Values and options come back in order.
po::parsed_options OptionParser::State::split_up(const std::vector<std::string>& arguments) const {
  namespace style = po::command_line_style;
  try {
    // Every abbreviation that works today would break when an option is added: no guessing.
    return po::command_line_parser(arguments)
        .options(options)
        .style(style::unix_style & ~style::allow_guessing)
        .run();
  } catch (const po::unknown_option& problem) {
    const std::string name = problem.get_option_name();
    std::string guess;
    if (name.starts_with("--")) guess = nearest_name(name.substr(2), names);
    if (!guess.empty()) guess = "; did you mean '--" + guess + "'?";
    throw UsageError("unknown option '" + name + "'" + guess + " (see " + help_call() + ")");
  } catch (const po::invalid_command_line_syntax& problem) {
    const std::string name = problem.get_option_name();
    if (problem.kind() == po::invalid_syntax::extra_parameter) {
      throw UsageError("option '" + name + "' takes no value");
    }
    throw UsageError("option '" + name + "' needs a value");
  } catch (const po::error& problem) {
    throw UsageError(std::string(problem.what()) + " (see " + help_call() + ")");
  }
}

void OptionParser::State::check_count(const std::vector<std::string>& words) const {
  const int given = static_cast<int>(words.size());
  if (given < least) {
    throw UsageError("missing argument " + positional + "; usage: " + usage);
  }
  if (given <= most) return;
  const std::string& first_too_many = words[static_cast<std::size_t>(most)];
  throw UsageError("unexpected argument '" + first_too_many + "'; usage: " + usage);
}

bool OptionParser::parse(const std::vector<std::string>& arguments) {
  State& state = *state_;
  add_flag("verbose,v", &state.verbose, "say more on standard error");
  add_flag("quiet,q", &state.quiet, "say only warnings and errors");
  add_flag("help,h", &state.help, "this text");
  // Help is wanted most when the rest of the line is wrong.
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  const auto asks_help = [](const std::string& word) { return word == "-h" || word == "--help"; };
  if (std::any_of(arguments.begin(), end, asks_help)) {
    io::TextOutput output("-");
    output.write(state.help_text());
    output.commit();
    return false;
  }
  std::vector<std::string> words;
  std::map<std::string, int> times;
  for (const po::option& option : state.split_up(arguments).options) {
    if (option.position_key >= 0) {
      words.insert(words.end(), option.value.begin(), option.value.end());
      continue;
    }
    const std::string& name = option.string_key;
    const Target& target = state.targets.at(name);
    const bool is_flag = std::holds_alternative<bool*>(target);
    const bool is_list = std::holds_alternative<std::vector<std::string>*>(target);
    if (++times[name] > 1 && !is_list) throw UsageError("option '--" + name + "' is given twice");
    const std::string value = option.value.empty() ? std::string() : option.value[0];
    // "-o --quiet": Boost takes the next option for the value.
    const std::vector<std::string>& typed = option.original_tokens;
    const bool is_missing = value.empty() || (typed.size() == 2 && state.is_option(typed[1]));
    if (!is_flag && is_missing) throw UsageError("option '--" + name + "' needs a value");
    std::visit(Assign{name, value}, target);
  }
  if (state.verbose && state.quiet) throw UsageError("--verbose and --quiet exclude each other");
  if (state.verbose) core::set_verbosity(core::Verbosity::verbose);
  if (state.quiet) core::set_verbosity(core::Verbosity::quiet);
  if (state.device_options && state.device_options->batch_size < 0) {
    throw UsageError("--batch-size: " + std::to_string(state.device_options->batch_size) +
                     ", expected at least 1, or 0 (chosen)");
  }
  state.check_count(words);
  if (state.positional_target) *state.positional_target = std::move(words);
  return true;
}

}  // namespace dnabird::pipelines
