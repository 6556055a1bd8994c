// Runs a program as a user would and keeps what it said.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/temp_folder.h"

namespace dnabird::support {

struct ProcessOptions {
  std::string stdin_path = "/dev/null";
  std::string stdout_path = {};  // empty: kept in ProcessResult
  std::string folder = {};       // to run in; empty: where the test runs
  std::vector<std::pair<std::string, std::string>> environment = {};
  /// Called in the child before the program starts.
  std::function<void()> prepare = {};
  /// Called beside the running program, e.g. to send it a signal.
  std::function<void(pid_t)> meanwhile = {};
};

struct ProcessResult {
  int exit_code = 0;  // 128 + signal if one ended it
  std::string out, err;
  long peak_kib = 0;  // of memory

  int err_lines() const { return static_cast<int>(std::count(err.begin(), err.end(), '\n')); }
};

inline void redirect(const std::string& path, int flags, int descriptor) {
  const int file = open(path.c_str(), flags, 0600);
  if (file < 0 || dup2(file, descriptor) < 0) _exit(97);
  close(file);
}

/// The child's part: never returns.
[[noreturn]] inline void become_program(const std::vector<std::string>& words,
                                        const ProcessOptions& options) {
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(96);
  setenv("DNABIRD_DEVICE", "cpu", 1);  // the same on machines with a GPU
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  // The test may itself have been started in the background, where these are ignored.
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) signal(number, SIG_DFL);
  if (options.prepare) options.prepare();
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(126);
}

inline ProcessResult run_process(const std::vector<std::string>& words,
                                 const ProcessOptions& options = {}) {
  const TempFolder folder;
  const std::string out = options.stdout_path.empty() ? folder / "out" : options.stdout_path;
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no child process");
  if (child == 0) {
    redirect(options.stdin_path, O_RDONLY, STDIN_FILENO);
    redirect(out, O_WRONLY | O_CREAT, STDOUT_FILENO);
    redirect(folder / "err", O_WRONLY | O_CREAT, STDERR_FILENO);
    become_program(words, options);
  }
  if (options.meanwhile) options.meanwhile(child);
  int status = 0;
  rusage usage = {};
  wait4(child, &status, 0, &usage);
  ProcessResult result;
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (options.stdout_path.empty()) result.out = read_text(out);
  result.err = read_text(folder / "err");
  result.peak_kib = usage.ru_maxrss;
  return result;
}

/// The program under test.
inline ProcessResult run_dnabird(std::vector<std::string> words,
                                 const ProcessOptions& options = {}) {
  words.insert(words.begin(), DNABIRD_BINARY);
  return run_process(words, options);
}

/// Waits until `happened` or a minute has gone by; returns whether it happened.
inline bool wait_until(const std::function<bool()>& happened) {
  for (int i = 0; i < 6000; ++i) {
    if (happened()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace dnabird::support
