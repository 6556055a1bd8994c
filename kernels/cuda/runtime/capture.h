// Work of a stream captured as a CUDA graph.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <vector>

namespace dnabird::kernels::cuda {

/// What is asked for cannot be part of a graph.
class CannotCapture : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Whether graphs are used: where $DNABIRD_CUDA_GRAPHS is "on". Throws std::invalid_argument if it
/// is anything else but "off" or empty.
bool asks_for_graphs();

/// What a graph reads at every run and so has to live as long.
struct GraphHoldings {
  std::vector<std::shared_ptr<const void>> objects;
};

/// The capture that is going on, if there is one. Not thread-safe.
class Capture {
 public:
  bool active() const { return holdings_ != nullptr; }
  /// Throws CannotCapture if a capture is going on.
  void refuse(const char* what) const;
  /// A copy of host memory that the graph can read from.
  const void* keep_copy(const void* host, std::size_t bytes);
  /// Nothing happens without a capture.
  void keep(std::shared_ptr<const void> object);

  /// From here on what is kept goes to `holdings`; null: the end.
  void set(GraphHoldings* holdings) { holdings_ = holdings; }

 private:
  GraphHoldings* holdings_ = nullptr;
};

/// A graph that can be launched.
class Graph {
 public:
  /// Throws CannotCapture if the graph cannot be made executable.
  explicit Graph(cudaGraph_t graph);
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();
  void launch(cudaStream_t stream) const;

 private:
  cudaGraphExec_t exec_ = nullptr;
};

/// A capture of a stream that ends with the object, whatever happens in between.
class StreamCapture {
 public:
  explicit StreamCapture(cudaStream_t stream);
  StreamCapture(const StreamCapture&) = delete;
  StreamCapture& operator=(const StreamCapture&) = delete;
  ~StreamCapture();
  /// Whether what came since broke the capture.
  bool is_broken() const;
  /// Throws CannotCapture if the capture is broken.
  std::unique_ptr<Graph> end();

 private:
  cudaStream_t stream_;
  bool ended_ = false;
};

}  // namespace dnabird::kernels::cuda
