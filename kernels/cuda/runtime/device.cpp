#include "kernels/cuda/runtime/device.h"

namespace dnabird::kernels::cuda {

namespace {

/// A graph of a device's stream with all that it needs.
class CapturedGraph final : public CapturedWork {
 public:
  CapturedGraph(std::shared_ptr<Device> device, std::unique_ptr<Graph> graph,
                GraphHoldings holdings)
      : device_(std::move(device)), holdings_(std::move(holdings)), graph_(std::move(graph)) {
    ++device_->graphs;
  }
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;
  ~CapturedGraph() override {
    cudaSetDevice(device_->index);
    cudaStreamSynchronize(device_->stream.get());
    if (--device_->graphs == 0) device_->pool.drop_captured();
  }
  void run() override {
    check(cudaSetDevice(device_->index), "choice of the device");
    device_->weights.refresh(device_->context);
    graph_->launch(device_->stream.get());
  }

 private:
  std::shared_ptr<Device> device_;
  GraphHoldings holdings_;
  std::unique_ptr<Graph> graph_;
};

/// Throws CannotCapture, or what `work` throws.
std::unique_ptr<CapturedWork> try_to_capture(const std::shared_ptr<Device>& device,
                                             const std::function<void()>& work) {
  device->weights.refresh(device->context);
  GraphHoldings holdings;
  StreamCapture stream(device->stream.get());
  const auto stop = [&] {
    device->capture.set(nullptr);
    device->pool.set_capturing(false);
  };
  device->capture.set(&holdings);
  device->pool.set_capturing(true);
  try {
    work();
  } catch (...) {
    stop();
    if (stream.is_broken()) throw CannotCapture("a call that cannot be captured");
    throw;
  }
  stop();
  return std::make_unique<CapturedGraph>(device, stream.end(), std::move(holdings));
}

}  // namespace

std::unique_ptr<CapturedWork> capture_graph(const std::shared_ptr<Device>& device,
                                            const std::function<void()>& work) {
  constexpr int kTries = 2;  // the second one with the memory that the first one gave back
  for (int i = 0; i < kTries; ++i) {
    try {
      return try_to_capture(device, work);
    } catch (const CannotCapture&) {
      if (device->graphs == 0) device->pool.drop_captured();
      break;
    } catch (const OutOfMemory&) {
      device->pool.drop_free();
      if (device->graphs == 0) device->pool.drop_captured();
    }
  }
  return nullptr;
}

}  // namespace dnabird::kernels::cuda
