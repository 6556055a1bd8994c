// One CUDA device: its stream, its memory, what its kernels share and keep, its graphs.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "kernels/cuda/runtime/bf16_weights.h"
#include "kernels/cuda/runtime/capture.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/context.h"
#include "kernels/cuda/runtime/cublaslt.h"
#include "kernels/cuda/runtime/device_memory.h"
#include "kernels/cuda/runtime/devices.h"
#include "kernels/cuda/runtime/host_copies.h"
#include "kernels/cuda/runtime/pattern_schedules.h"
#include "kernels/kernel_set.h"
#include "kernels/memory_pool.h"

namespace dnabird::kernels::cuda {

class Stream {
 public:
  Stream() {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creation of a stream");
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// What the kernels of all types share. The device must be the current one at construction.
struct Device {
  Device(int number, DeviceFacts its_facts, bool rounds_f32)
      : index(number),
        facts(std::move(its_facts)),
        host_copies(number, stream.get()),
        pool(device_memory()),
        products(pool),
        weights(pool),
        schedules(pool),
        context{stream.get(), pool,    facts.capability, facts.multiprocessors, products, weights,
                schedules,    capture, rounds_f32},
        uses_graphs(asks_for_graphs()) {}
  ~Device() { cudaStreamSynchronize(stream.get()); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  int index;
  DeviceFacts facts;
  Stream stream;
  HostCopies host_copies;
  MemoryPool pool;
  CublasLt products;
  Bf16Weights weights;
  PatternSchedules schedules;
  Capture capture;
  Context context;
  bool uses_graphs;
  std::int64_t graphs = 0;  // that are there
};

/// The calls that `work` makes, as a graph; null if they cannot be one. The device must be the
/// current one. Throws what `work` throws; stream and pool are as before then.
std::unique_ptr<CapturedWork> capture_graph(const std::shared_ptr<Device>& device,
                                            const std::function<void()>& work);

}  // namespace dnabird::kernels::cuda
