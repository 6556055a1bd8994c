// What every command shares: the table entry, options with generated help, the common options.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dnabird::pipelines {

struct Command {
  const char* name;
  const char* summary;  // one line for the table that `dnabird` prints
  int (*run)(const std::vector<std::string>& arguments);  // returns the exit code
};

/// Options common to the commands; each adds those that it knows.
struct CommonOptions {
  std::string model;               // -m/--model
  std::string random_blocks;       // --random-blocks, empty = the model's own
  std::string output = "-";        // -o/--output
  int threads = 0;                 // --threads, 0 = all cores
  std::string device = "auto";     // --device
  std::string precision = "auto";  // --precision
  std::int64_t batch_size = 0;     // --batch-size, 0 = chosen
  std::uint64_t seed = 1;          // --seed
};

/// Declares options bound to variables, parses, prints help. Built on Boost.Program_options.
class OptionParser {
 public:
  /// usage: "dnabird score [options] -f REF.fa IN.vcf.gz"; examples: shown at the end of the help.
  OptionParser(std::string usage, std::string description, std::string examples);
  ~OptionParser();

  /// names as Boost takes them: "reference,f". The variable's value is the default.
  void add(const std::string& names, std::string* value, const std::string& help);
  void add(const std::string& names, int* value, const std::string& help);
  void add(const std::string& names, std::int64_t* value, const std::string& help);
  void add(const std::string& names, std::uint64_t* value, const std::string& help);
  void add(const std::string& names, double* value, const std::string& help);
  void add(const std::string& names, std::vector<std::string>* value, const std::string& help);
  void add_flag(const std::string& names, bool* value, const std::string& help);
  /// Arguments without an option: `least` to `most` of them.
  void add_positional(const std::string& what, std::vector<std::string>* value, int least,
                      int most);
  enum Common : unsigned {
    kModel = 1,  // with kDevice, for those who run it, its random blocks too
    kOutput = 2,
    kDevice = 4,  // device, precision, threads, batch size
    kSeed = 8,
    kDevices = 16  // the same as kDevice, where work is split over a list of devices
  };
  void add_common(CommonOptions* options, unsigned which);  // -v, -q and -h always

  /// False if help was asked for and printed. Throws UsageError: unknown option, missing value,
  /// not a number, too few or too many arguments (and says which).
  bool parse(const std::vector<std::string>& arguments);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "dnabird score -f REF.fa in.vcf": as typed, for provenance lines.
const std::string& command_line();
void set_command_line(int argc, char** argv);

extern const char* const kVersion;       // "0.1.0"
extern const char* const kDefaultModel;  // the shipped one, for commands that run a model

}  // namespace dnabird::pipelines
