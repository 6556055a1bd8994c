#include "kernels/cuda/runtime/host_copies.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/cuda/runtime/check.h"

namespace dnabird::kernels::cuda {

namespace {

// So few bytes the driver takes along with the call.
constexpr std::size_t kTakenAlong = std::size_t{64} << 10;

SystemMemory pinned_memory() {
  constexpr std::size_t kAlignment = 4096;
  return {[](std::size_t bytes) {
            void* memory = nullptr;
            check(cudaMallocHost(&memory, bytes), "allocation of pinned memory on the host");
            return memory;
          },
          [](void* memory) { cudaFreeHost(memory); }, kAlignment};
}

bool has_happened(cudaEvent_t event) {
  const cudaError_t answer = cudaEventQuery(event);
  if (is_under_way(answer)) return false;
  check(answer, "copy to the device");
  return true;
}

class PinnedCopy final : public HostCopy {
 public:
  PinnedCopy(int device, std::shared_ptr<PinnedMemory> pinned, std::size_t bytes)
      : device_(device), pinned_(std::move(pinned)), piece_(pinned_->take(bytes)) {}
  PinnedCopy(const PinnedCopy&) = delete;
  PinnedCopy& operator=(const PinnedCopy&) = delete;
  ~PinnedCopy() override {
    if (started_) await();
    pinned_->give_back(piece_);
  }

  void start(const void* device, cudaStream_t stream) {
    check(cudaMemcpyAsync(piece_.memory, device, piece_.bytes, cudaMemcpyDeviceToHost, stream),
          "copy to the host");
    check(cudaEventRecord(piece_.done, stream), "event behind a copy");
    started_ = true;
  }
  const void* wait() override {
    check(await(), "work on the device");
    return piece_.memory;
  }

 private:
  cudaError_t await() const {
    // A thread that has used no device yet would begin with the first one of the machine.
    cudaSetDevice(device_);
    return cudaEventSynchronize(piece_.done);
  }

  int device_;
  std::shared_ptr<PinnedMemory> pinned_;
  PinnedMemory::Piece piece_;
  bool started_ = false;
};

}  // namespace

PinnedMemory::PinnedMemory() : pool_(pinned_memory()) {}

PinnedMemory::~PinnedMemory() {
  for (cudaEvent_t event : events_) cudaEventDestroy(event);
}

PinnedMemory::Piece PinnedMemory::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) {
    cudaEvent_t event = nullptr;
    // A thread that waits leaves its core to those that prepare what comes next.
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync),
          "creation of an event");
    events_.push_back(event);
  }
  void* memory = pool_.allocate(bytes);
  const Piece piece{bytes, memory, events_.back()};
  events_.pop_back();
  return piece;
}

void PinnedMemory::give_back(const Piece& piece) {
  const std::lock_guard lock(mutex_);
  pool_.release(piece.memory);
  events_.push_back(piece.done);
}

HostCopies::HostCopies(int device, cudaStream_t stream)
    : device_(device), stream_(stream), pinned_(std::make_shared<PinnedMemory>()) {}

HostCopies::~HostCopies() {
  for (const PinnedMemory::Piece& piece : in_flight_) pinned_->give_back(piece);
}

void HostCopies::copy_in(void* device, const void* host, std::size_t bytes) {
  if (bytes <= kTakenAlong) {
    check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_),
          "copy to the device");
    return;
  }
  for (std::size_t begin = 0; begin < bytes; begin += kPieceBytes) {
    copy_piece_in(static_cast<char*>(device) + begin, static_cast<const char*>(host) + begin,
                  std::min(kPieceBytes, bytes - begin));
  }
}

void HostCopies::copy_piece_in(void* device, const void* host, std::size_t bytes) {
  collect(kMostInFlight - bytes);
  const PinnedMemory::Piece piece = pinned_->take(bytes);
  in_flight_.push_back(piece);
  bytes_in_flight_ += bytes;
  std::memcpy(piece.memory, host, bytes);
  check(cudaMemcpyAsync(device, piece.memory, bytes, cudaMemcpyHostToDevice, stream_),
        "copy to the device");
  check(cudaEventRecord(piece.done, stream_), "event behind a copy");
}

void HostCopies::collect(std::size_t most) {
  while (!in_flight_.empty()) {
    const PinnedMemory::Piece& oldest = in_flight_.front();
    if (bytes_in_flight_ > most) {
      check(cudaEventSynchronize(oldest.done), "copy to the device");
    } else if (!has_happened(oldest.done)) {
      return;
    }
    bytes_in_flight_ -= oldest.bytes;
    pinned_->give_back(oldest);
    in_flight_.pop_front();
  }
}

std::unique_ptr<HostCopy> HostCopies::start_copy_out(const void* device, std::size_t bytes) {
  auto copy = std::make_unique<PinnedCopy>(device_, pinned_, bytes);
  copy->start(device, stream_);
  return copy;
}

}  // namespace dnabird::kernels::cuda
