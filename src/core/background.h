// Work ahead of and behind the thread that asks for it, in order: input is read and output written
// while the model computes. Results and errors are those of one thread.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "core/bounded_queue.h"

namespace dnabird::core {

/// Makes items on a thread of its own, at most `n_ahead` before they are asked for.
template <class T>
class ReadAhead {
 public:
  /// `make` returns none at the end.
  ReadAhead(std::function<std::optional<T>()> make, std::size_t n_ahead)
      : make_(std::move(make)), items_(n_ahead), thread_([this] { run(); }) {}

  /// Waits for the item that is being made, if any.
  ~ReadAhead() {
    items_.abandon();
    thread_.join();
  }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// In the order in which they were made; none at the end. What `make` threw is thrown here, after
  /// the items before it.
  std::optional<T> next() {
    std::optional<T> item = items_.pop();
    if (!item && error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return item;
  }

 private:
  void run() {
    try {
      while (std::optional<T> item = make_()) {
        if (!items_.push(std::move(*item))) return;
      }
    } catch (...) {
      error_ = std::current_exception();  // read after close() only
    }
    items_.close();
  }

  std::function<std::optional<T>()> make_;
  BoundedQueue<T> items_;
  std::exception_ptr error_;
  std::thread thread_;  // last: it uses the others
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
