// docs/cli.md says what --help says: the same commands, options, values and defaults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/temp_folder.h"
#include "support/test_data.h"

namespace dnabird {
namespace {

/// "-o, --output TEXT" -> "-", its default; "" if it has none.
using Options = std::map<std::string, std::string>;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> commands_of_overview() {
  static const std::regex line("  ([a-z]+)  .*");
  std::vector<std::string> commands;
  for (const std::string& text : lines_of(support::run_dnabird({"--help"}).out)) {
    std::smatch found;
    if (std::regex_match(text, found, line)) commands.push_back(found[1]);
  }
  return commands;
}

/// From the list of --help, whose descriptions run on over several lines.
Options options_of_help(const std::string& command) {
  static const std::regex first_line(" {2}((?:-[a-zA-Z], )?--[a-z-]+(?: [A-Z]+)?) +(\\S.*)");
  static const std::regex with_default(".* \\[([^\\]]*)\\] *");
  std::map<std::string, std::string> descriptions;
  std::string current;
  bool inside = false;
  for (const std::string& line : lines_of(support::run_dnabird({command, "--help"}).out)) {
    std::smatch found;
    if (line == "Options:" || line.empty()) {
      inside = line == "Options:";
    } else if (inside && std::regex_match(line, found, first_line)) {
      current = found[1];
      descriptions[current] = found[2];
    } else if (inside) {
      descriptions[current] += " " + line.substr(line.find_first_not_of(' '));
    }
  }
  Options options;
  for (const auto& [name, description] : descriptions) {
    std::smatch found;
    options[name] = std::regex_match(description, found, with_default) ? found[1].str() : "";
  }
  return options;
}

std::string cli_page() {
  return support::read_text(support::test_data_folder() + "/../../docs/cli.md");
}

/// What stands between "## command" and the next heading of that level.
std::string section_of(const std::string& command) {
  std::string section;
  bool inside = false;
  for (const std::string& line : lines_of(cli_page())) {
    if (line.starts_with("## ")) {
      inside = line == "## " + command;
    } else if (inside) {
      section += line + "\n";
    }
  }
  return section;
}

/// From the rows of its table: | `-o, --output TEXT` | `-` | where to write |
Options options_of_page(const std::string& command) {
  static const std::regex row("\\| `([^`]*--[^`]*)` \\| (?:`([^`]*)`)? ?\\| .* \\|");
  Options options;
  for (const std::string& line : lines_of(section_of(command))) {
    std::smatch found;
    if (std::regex_match(line, found, row)) options[found[1]] = found[2];
  }
  return options;
}

TEST(CliPage, HasASectionForEveryCommand) {
  const std::vector<std::string> commands = commands_of_overview();
  EXPECT_EQ(commands.size(), 9u);
  for (const std::string& command : commands) EXPECT_NE(section_of(command), "") << command;
}

TEST(CliPage, ListsTheOptionsOfHelpAndNoOthers) {
  for (const std::string& command : commands_of_overview()) {
    const Options options = options_of_help(command);
    EXPECT_GE(options.size(), 5u) << command;
    EXPECT_EQ(options_of_page(command), options) << command;
  }
}

TEST(CliPage, NamesNoOptionThatTheCommandLacks) {
  static const std::regex name("(?:^|[^-a-z])(--[a-z][a-z-]*)");
  for (const std::string& command : commands_of_overview()) {
    const std::string help = support::run_dnabird({command, "--help"}).out;
    const std::string section = section_of(command);
    for (std::sregex_iterator at(section.begin(), section.end(), name), end; at != end; ++at) {
      EXPECT_THAT(help, testing::HasSubstr((*at)[1].str())) << command;
    }
  }
}

TEST(CliPage, ExamplesAreThoseOfHelp) {
  for (const std::string& command : commands_of_overview()) {
    const std::string section = section_of(command);
    const std::string help = support::run_dnabird({command, "--help"}).out;
    const std::string usage = lines_of(help).at(0);
    EXPECT_THAT(section, testing::HasSubstr(usage.substr(std::string("Usage: ").size())));
    for (const std::string& line : lines_of(help.substr(help.find("\nExamples:\n") + 11))) {
      if (line.empty()) continue;
      const std::string words = line.substr(line.find_first_not_of(' '));
      EXPECT_THAT(section, testing::HasSubstr(words.substr(0, words.find("  ("))));
    }
  }
}

}  // namespace
}  // namespace dnabird
