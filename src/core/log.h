// Talk goes to stderr, through spdlog: "dnabird: warning: ..." lines. Data never does.
#pragma once

#include <cstdint>
#include <string>

namespace dnabird::core {

enum class Verbosity { quiet, normal, verbose };

/// Sets what the log shows from here on; called once by main.
void set_verbosity(Verbosity verbosity);

void log_info(const std::string& message);     // shown unless quiet
void log_detail(const std::string& message);   // shown when verbose
void log_warning(const std::string& message);  // always shown

/// A line on stderr that is redrawn, with rate and time left; silent when stderr is no terminal
/// or the run is quiet. Total 0 = unknown.
class Progress {
 public:
  Progress(std::string what, std::string unit, std::int64_t total);
  ~Progress();  // clears the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `note` is shown behind the numbers, e.g. "loss 1.234".
  void update(std::int64_t done, const std::string& note = {});

 private:
  std::string what_, unit_;
  std::int64_t total_;
  bool visible_;
  double started_ = 0, drawn_ = 0;
};

}  // namespace dnabird::core
