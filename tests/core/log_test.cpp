#include "core/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

namespace dnabird::core {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string said(Verbosity verbosity, const std::function<void()>& talk) {
  testing::internal::CaptureStderr();
  set_verbosity(verbosity);
  talk();
  set_verbosity(Verbosity::normal);
  return testing::internal::GetCapturedStderr();
}

void talk() {
  log_info("info {}");
  log_detail("detail");
  log_warning("careful");
}

TEST(Log, SaysWhatTheVerbosityAllows) {
  EXPECT_EQ(said(Verbosity::quiet, talk), "dnabird: warning: careful\n");
  EXPECT_EQ(said(Verbosity::normal, talk), "dnabird: info {}\ndnabird: warning: careful\n");
  EXPECT_EQ(said(Verbosity::verbose, talk),
            "dnabird: info {}\ndnabird: detail\ndnabird: warning: careful\n");
}

TEST(Log, NothingGoesToStdout) {
  testing::internal::CaptureStdout();
  said(Verbosity::verbose, talk);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

void run_progress() {
  Progress progress("score", "records", 1000);
  progress.update(500, "loss 1.25");
  progress.update(1000);
}

TEST(Progress, IsSilentWhereStderrIsNoTerminal) {
  EXPECT_EQ(said(Verbosity::verbose, run_progress), "");
}

/// What a terminal on stderr shows.
std::string shown_on_terminal(Verbosity verbosity, const std::function<void()>& work) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) return "no terminal";
  const int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  if (end < 0) return "no terminal";
  std::fflush(stderr);
  const int before = dup(STDERR_FILENO);
  dup2(end, STDERR_FILENO);
  set_verbosity(verbosity);
  work();
  set_verbosity(Verbosity::normal);
  std::fflush(stderr);
  dup2(before, STDERR_FILENO);
  close(before);
  // The kernel hands over what was written in its own time, perhaps in pieces.
  std::string shown;
  char buffer[4096];
  pollfd ready = {.fd = terminal, .events = POLLIN, .revents = 0};
  for (ssize_t n = 0;
       poll(&ready, 1, 300) > 0 && (n = read(terminal, buffer, sizeof buffer)) > 0;) {
    shown.append(buffer, static_cast<std::size_t>(n));
  }
  close(end);
  close(terminal);
  return shown;
}

TEST(Progress, RedrawsOneLineOnATerminal) {
  const std::string shown = shown_on_terminal(Verbosity::normal, run_progress);
  if (shown == "no terminal") GTEST_SKIP() << shown;
  EXPECT_THAT(shown, StartsWith("\r"));
  EXPECT_THAT(shown, HasSubstr("score: 500 of 1,000 records"));
  EXPECT_THAT(shown, HasSubstr("/s"));
  EXPECT_THAT(shown, HasSubstr("loss 1.25"));
  EXPECT_THAT(shown, Not(HasSubstr("\n")));
  EXPECT_TRUE(shown.ends_with("\r\033[K")) << "the line is cleared at the end";
}

TEST(Progress, WithoutATotalNamesNoTimeLeft) {
  const std::string shown = shown_on_terminal(Verbosity::normal, [] {
    Progress progress("annotate", "bases", 0);
    progress.update(12345);
  });
  if (shown == "no terminal") GTEST_SKIP() << shown;
  EXPECT_THAT(shown, HasSubstr("annotate: 12,345 bases"));
  EXPECT_THAT(shown, Not(HasSubstr(" of ")));
  EXPECT_THAT(shown, Not(HasSubstr("left")));
}

TEST(Progress, IsSilentWhenQuiet) {
  const std::string shown = shown_on_terminal(Verbosity::quiet, run_progress);
  if (shown == "no terminal") GTEST_SKIP() << shown;
  EXPECT_EQ(shown, "");
}

}  // namespace
}  // namespace dnabird::core
