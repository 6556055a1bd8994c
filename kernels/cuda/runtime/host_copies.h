// Copies between the host and a device that the host does not wait for. They go through pinned
// memory: for pageable memory the driver may wait until the stream has done all that it was given
// before ("API synchronization behavior" of the CUDA runtime).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/kernel_set.h"
#include "kernels/memory_pool.h"

namespace dnabird::kernels::cuda {

/// Pinned memory, each piece with an event for the copy that uses it. Thread-safe, but for take(),
/// for which the device must be the current one.
class PinnedMemory {
 public:
  struct Piece {
    std::size_t bytes;
    void* memory;
    cudaEvent_t done;
  };

  PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  ~PinnedMemory();

  Piece take(std::size_t bytes);
  /// No copy uses it any longer.
  void give_back(const Piece& piece);

 private:
  std::mutex mutex_;  // of what follows
  MemoryPool pool_;
  std::vector<cudaEvent_t> events_;  // that are free
};

class HostCopies {
 public:
  HostCopies(int device, cudaStream_t stream);
  HostCopies(const HostCopies&) = delete;
  HostCopies& operator=(const HostCopies&) = delete;
  /// The stream must have come to its end.
  ~HostCopies();

  /// `host` may change once it returns. Waits for nothing but for room, where more than
  /// kMostInFlight bytes are on their way.
  void copy_in(void* device, const void* host, std::size_t bytes);

  /// What `device` holds at this place of the stream. The copy may outlive this object.
  std::unique_ptr<HostCopy> start_copy_out(const void* device, std::size_t bytes);

  static constexpr std::size_t kPieceBytes = std::size_t{4} << 20;
  static constexpr std::size_t kMostInFlight = 4 * kPieceBytes;

 private:
  void copy_piece_in(void* device, const void* host, std::size_t bytes);
  /// Takes back what has been copied, and waits for the oldest until no more than `most` bytes are
  /// left.
  void collect(std::size_t most);

  int device_;
  cudaStream_t stream_;
  std::shared_ptr<PinnedMemory> pinned_;
  std::deque<PinnedMemory::Piece> in_flight_;  // to the device, the oldest first
  std::size_t bytes_in_flight_ = 0;
};

}  // namespace dnabird::kernels::cuda
