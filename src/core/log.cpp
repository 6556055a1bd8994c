#include "core/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "core/text.h"

namespace dnabird::core {

namespace {

Verbosity& current_verbosity() {
  static Verbosity verbosity = Verbosity::normal;
  return verbosity;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("dnabird",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("dnabird: %v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void set_verbosity(Verbosity verbosity) { current_verbosity() = verbosity; }

void log_info(const std::string& message) {
  if (current_verbosity() != Verbosity::quiet) logger().info("{}", escape_controls(message));
}

void log_detail(const std::string& message) {
  if (current_verbosity() == Verbosity::verbose) logger().debug("{}", escape_controls(message));
}

void log_warning(const std::string& message) {
  logger().warn("warning: {}", escape_controls(message));
}

Progress::Progress(std::string what, std::string unit, std::int64_t total)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      visible_(isatty(STDERR_FILENO) == 1 && current_verbosity() != Verbosity::quiet),
      started_(seconds_now()) {}

Progress::~Progress() {
  if (visible_ && drawn_ > 0) std::fputs("\r\033[K", stderr);
}

void Progress::update(std::int64_t done, const std::string& note) {
  const double now = seconds_now();
  if (!visible_ || now - drawn_ < 0.2) return;
  drawn_ = now;
  const double elapsed = now - started_;
  const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
  std::string line = fmt::format("{}: {}", what_, with_commas(done));
  if (total_ > 0) line += fmt::format(" of {}", with_commas(total_));
  line += fmt::format(" {}, {:.1f}/s", unit_, rate);
  if (total_ > 0 && rate > 0) {
    const auto left = static_cast<std::int64_t>(static_cast<double>(total_ - done) / rate);
    line += fmt::format(", {}:{:02}:{:02} left", left / 3600, left / 60 % 60, left % 60);
  }
  if (!note.empty()) line += ", " + escape_controls(note);
  std::fprintf(stderr, "\r%s\033[K", line.c_str());
  std::fflush(stderr);
}

}  // namespace dnabird::core
