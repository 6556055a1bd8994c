// Runs a piece of a test in a process of its own, which may lose its rights, its stdout or its
// life.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace dnabird::support {

struct ChildResult {
  std::string said;  // what the piece returned, or "exception: ..."
  int status = 0;    // as waitpid gives it
};

/// `piece` is called in the child and returns a text.
template <class Piece>
ChildResult run_in_child(Piece piece) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    std::string said;
    try {
      said = piece();
    } catch (const std::exception& problem) {
      said = std::string("exception: ") + problem.what();
    } catch (...) {
      said = "exception of another kind";
    }
    const ssize_t n = write(ends[1], said.data(), said.size());
    _exit(n == static_cast<ssize_t>(said.size()) ? 0 : 99);
  }
  close(ends[1]);
  ChildResult result;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    result.said.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  waitpid(child, &result.status, 0);
  return result;
}

/// In a child: gives up root's rights, for which no folder is closed. False if that is not
/// possible.
inline bool become_nobody() {
  if (geteuid() != 0) return true;
  return setgid(65534) == 0 && setuid(65534) == 0;
}

/// In a child: stdout becomes a pipe that nobody reads; SIGPIPE is ignored as main does.
inline void close_reader_of_stdout() {
  signal(SIGPIPE, SIG_IGN);
  int ends[2];
  if (pipe(ends) != 0) _exit(98);
  close(ends[0]);
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
}

}  // namespace dnabird::support
