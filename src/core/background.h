// Work ahead of and behind the thread that asks for it, in order: input is read and output written
// while the model computes. Results and errors are those of one thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/bounded_queue.h"

namespace dnabird::core {

/// Makes items on threads of its own in two steps: `read` on one of them at a time, in order, and
/// `prepare` on as many as there are. What is asked for comes in the order of `read`; no more than
/// one item for each thread and `n_ahead` are there before they are asked for.
template <class In, class T>
class PrepareAhead {
 public:
  /// `read` returns none at the end.
  PrepareAhead(std::function<std::optional<In>()> read, std::function<T(In)> prepare,
               std::size_t n_threads, std::size_t n_ahead)
      : read_(std::move(read)), prepare_(std::move(prepare)), items_(n_ahead) {
    try {
      for (std::size_t i = 0; i < n_threads; ++i) threads_.emplace_back([this] { run(); });
    } catch (...) {  // the system has no more of them
      stop();
      throw;
    }
  }

  /// Waits for the items that are being made, if any.
  ~PrepareAhead() { stop(); }
  PrepareAhead(const PrepareAhead&) = delete;
  PrepareAhead& operator=(const PrepareAhead&) = delete;

  /// None at the end. What `read` or `prepare` threw is thrown here once, after the items before
  /// it, and is the end.
  std::optional<T> next() {
    std::optional<T> item = items_.pop();
    if (!item && error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return item;
  }

 private:
  /// An item, or the end, which an error may be; and its place in the order.
  struct Turn {
    std::size_t number = 0;
    std::optional<In> read;
    std::exception_ptr error;
  };

  void stop() {
    items_.abandon();
    for (std::thread& thread : threads_) thread.join();
  }

  void run() {
    for (;;) {
      Turn turn;
      if (!begin(turn)) return;
      std::optional<T> item;
      try {
        if (turn.read) item.emplace(prepare_(std::move(*turn.read)));
      } catch (...) {
        turn.error = std::current_exception();
      }
      hand_over(turn, std::move(item));
    }
  }

  /// False if nothing more is to be read.
  bool begin(Turn& turn) {
    const std::lock_guard lock(reading_);
    if (is_at_end_) return false;
    turn.number = n_read_++;
    try {
      std::optional<In> read = read_();
      if (read) turn.read.emplace(std::move(*read));  // an In that is not assigned to will do
    } catch (...) {
      turn.error = std::current_exception();
    }
    is_at_end_ = !turn.read;
    return true;
  }

  void hand_over(Turn& turn, std::optional<T> item) {
    std::unique_lock lock(handing_over_);
    its_turn_.wait(lock, [&] { return n_handed_over_ == turn.number; });
    if (!item && !is_over_) error_ = std::move(turn.error);  // read after close() only
    if (!item) items_.close();
    if (!item || !items_.push(std::move(*item))) is_over_ = true;
    ++n_handed_over_;
    its_turn_.notify_all();
    if (!is_over_) return;
    lock.unlock();
    const std::lock_guard stop(reading_);
    is_at_end_ = true;
  }

  std::function<std::optional<In>()> read_;
  std::function<T(In)> prepare_;
  BoundedQueue<T> items_;
  std::mutex reading_;  // of what follows
  std::size_t n_read_ = 0;
  bool is_at_end_ = false;
  std::mutex handing_over_;  // of what follows
  std::condition_variable its_turn_;
  std::size_t n_handed_over_ = 0;
  bool is_over_ = false;  // nobody takes more
  std::exception_ptr error_;
  std::vector<std::thread> threads_;  // last: they use the others
};

/// Uses items on a thread of its own, in order; at most `n_behind` wait for it.
template <class T>
class WriteBehind {
 public:
  WriteBehind(std::function<void(T)> use, std::size_t n_behind)
      : use_(std::move(use)), items_(n_behind), thread_([this] { run(); }) {}

  /// Without finish(), items that still wait are let go.
  ~WriteBehind() {
    items_.abandon();
    if (thread_.joinable()) thread_.join();
  }
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  /// Throws what `use` threw at an earlier item.
  void push(T item) {
    if (!items_.push(std::move(item))) finish();
  }

  /// Waits until every item is used. Throws what `use` threw.
  void finish() {
    items_.close();
    if (thread_.joinable()) thread_.join();
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void run() {
    try {
      while (std::optional<T> item = items_.pop()) use_(std::move(*item));
    } catch (...) {
      error_ = std::current_exception();  // read after join() only
      items_.abandon();
    }
  }

  std::function<void(T)> use_;
  BoundedQueue<T> items_;
  std::exception_ptr error_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace dnabird::core
