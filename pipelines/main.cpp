// dnabird: the table of commands, the exit codes, and the one line for whatever went wrong.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "core/errors.h"
#include "core/text.h"
#include "io/output_file.h"
#include "kernels/kernel_set.h"
#include "pipelines/cli.h"
#include "pipelines/commands.h"
#include "pipelines/nearest_name.h"

namespace {

using namespace dnabird;
using pipelines::Command;

constexpr int kBadData = 1;
constexpr int kBadUsage = 2;
constexpr int kSignalBase = 128;  // as shells report a program that a signal ended

constexpr std::array kCommands = {
    Command{"score", "score the variants of a VCF", pipelines::run_score},
    Command{"annotate", "find promoters in a genome", pipelines::run_annotate},
    Command{"embed", "turn sequences, regions or variants into vectors", pipelines::run_embed},
    Command{"tokenize", "turn sequences into token ids", pipelines::run_tokenize},
    Command{"pretrain", "train a new model to fill in hidden k-mers", pipelines::run_pretrain},
    Command{"finetune", "train a model's head on sequences with labels or values",
            pipelines::run_finetune},
    Command{"evaluate", "compare a model with the truth", pipelines::run_evaluate},
    Command{"convert", "write a model in another element type, or in shards",
            pipelines::run_convert},
    Command{"info", "show version, devices, or what a model is", pipelines::run_info},
};

bool stderr_is_terminal = false;

/// Only what a signal handler may call.
void end_by_signal(int number) {
  io::remove_partial_outputs();
  if (stderr_is_terminal && write(STDERR_FILENO, "\n", 1) < 0) _exit(kSignalBase + number);
  _exit(kSignalBase + number);
}

void set_signals() {
  stderr_is_terminal = isatty(STDERR_FILENO) == 1;
  struct sigaction ending = {};
  ending.sa_handler = end_by_signal;
  sigfillset(&ending.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction former = {};
    sigaction(number, nullptr, &former);
    // nohup and background jobs of a script ignore some: leave it so.
    if (former.sa_handler != SIG_IGN) sigaction(number, &ending, nullptr);
  }
  signal(SIGPIPE, SIG_IGN);  // a write then fails, and the output is removed
}

/// A standard stream that the caller closed must not become one of our files: our talk would be
/// written into it. Writing to what is opened in its place fails, as it should.
void hold_standard_streams() {
  for (int file = 0; file >= 0 && file <= STDERR_FILENO;) file = open("/dev/null", O_RDONLY);
}

void print(const std::string& text) {
  io::TextOutput output("-");
  output.write(text);
  output.commit();
}

std::string overview() {
  std::size_t width = 0;
  for (const Command& command : kCommands)
    width = std::max(width, std::string(command.name).size());
  std::string text =
      "dnabird " + std::string(pipelines::kVersion) +
      ": genomics with a DNA language model\n\nUsage: dnabird COMMAND [options] ...\n\nCommands:\n";
  for (const Command& command : kCommands) {
    std::string name = command.name;
    name.resize(width, ' ');
    text += "  " + name + "  " + command.summary + "\n";
  }
  return text + "\ndnabird COMMAND --help shows the options of a command, with examples.\n";
}

int run(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    print(overview());
    return 0;
  }
  if (words[0] == "--version") {
    print("dnabird " + std::string(pipelines::kVersion) + "\n");
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (words[0] == command.name) return command.run({words.begin() + 1, words.end()});
    names.emplace_back(command.name);
  }
  throw core::UsageError("unknown command '" + words[0] + "'" +
                         pipelines::did_you_mean(words[0], names) +
                         " (dnabird --help lists the commands)");
}

/// One line, whatever stands in the message.
int fail(const std::vector<std::string>& words, const std::string& message, int exit_code) {
  const bool has_command = !words.empty() && std::any_of(kCommands.begin(), kCommands.end(),
                                                         [&](const Command& command) {
                                                           return words[0] == command.name;
                                                         });
  std::fprintf(stderr, "dnabird%s: error: %s\n", has_command ? (" " + words[0]).c_str() : "",
               core::escape_controls(message).c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_streams();
  set_signals();
  pipelines::set_command_line(argc, argv);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  try {
    return run(words);
  } catch (const io::ClosedPipe&) {
    return 0;
  } catch (const core::UsageError& error) {
    return fail(words, error.what(), kBadUsage);
  } catch (const core::DataError& error) {
    return fail(words, error.what(), kBadData);
  } catch (const kernels::OutOfMemory& error) {
    return fail(words, std::string(error.what()) + "; a smaller --batch-size needs less", kBadData);
  } catch (const std::bad_alloc&) {
    return fail(words, "out of memory; a smaller --batch-size needs less", kBadData);
  } catch (const std::exception& error) {
    return fail(words, error.what(), kBadData);
  }
}
