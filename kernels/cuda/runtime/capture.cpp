#include "kernels/cuda/runtime/capture.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "kernels/cuda/runtime/check.h"

namespace dnabird::kernels::cuda {

bool asks_for_graphs() {
  const char* asked = std::getenv("DNABIRD_CUDA_GRAPHS");
  const std::string name = asked ? asked : "";
  if (name == "on") return true;
  if (name.empty() || name == "off") return false;
  throw std::invalid_argument("DNABIRD_CUDA_GRAPHS is \"" + name + "\", expected on or off");
}

void Capture::refuse(const char* what) const {
  if (active()) throw CannotCapture(what);
}

const void* Capture::keep_copy(const void* host, std::size_t bytes) {
  void* pinned = nullptr;
  check(cudaMallocHost(&pinned, bytes), "allocation of host memory");
  std::memcpy(pinned, host, bytes);
  keep(std::shared_ptr<const void>(
      pinned, [](const void* memory) { cudaFreeHost(const_cast<void*>(memory)); }));
  return pinned;
}

void Capture::keep(std::shared_ptr<const void> object) {
  if (active()) holdings_->objects.push_back(std::move(object));
}

Graph::Graph(cudaGraph_t graph) {
  const cudaError_t error = cudaGraphInstantiate(&exec_, graph, 0);
  if (error == cudaSuccess) return;
  cudaGetLastError();
  throw CannotCapture(cudaGetErrorString(error));
}

Graph::~Graph() { cudaGraphExecDestroy(exec_); }

void Graph::launch(cudaStream_t stream) const {
  check(cudaGraphLaunch(exec_, stream), "launch of a graph");
}

StreamCapture::StreamCapture(cudaStream_t stream) : stream_(stream) {
  // Relaxed: memory is allocated while calls are captured.
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "begin of a capture");
}

StreamCapture::~StreamCapture() {
  if (ended_) return;
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(stream_, &graph);
  if (graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
}

bool StreamCapture::is_broken() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaError_t error = cudaStreamIsCapturing(stream_, &status);
  cudaGetLastError();
  return error != cudaSuccess || status != cudaStreamCaptureStatusActive;
}

std::unique_ptr<Graph> StreamCapture::end() {
  ended_ = true;
  cudaGraph_t graph = nullptr;
  const cudaError_t error = cudaStreamEndCapture(stream_, &graph);
  cudaGetLastError();
  if (error != cudaSuccess || graph == nullptr) throw CannotCapture(cudaGetErrorString(error));
  const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, cudaError_t (*)(cudaGraph_t)> owned(
      graph, cudaGraphDestroy);
  return std::make_unique<Graph>(graph);
}

}  // namespace dnabird::kernels::cuda
