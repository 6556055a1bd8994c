#include "kernels/cuda/runtime/nccl_exchange.h"

#include <cuda_runtime.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/nccl_library.h"
#include "kernels/meeting.h"

namespace dnabird::kernels::cuda {

namespace {

/// What a member's sums run on, and the events that order them among its kernels.
class Lane {
 public:
  explicit Lane(const DeviceStream& kernels) : device_(kernels.device), kernels_(kernels.stream) {
    make_current();
    int lowest = 0, highest = 0;
    check(cudaDeviceGetStreamPriorityRange(&lowest, &highest), "priorities of streams");
    // Sums take few multiprocessors, but must get these although the kernels would fill them all.
    check(cudaStreamCreateWithPriority(&sums_, cudaStreamNonBlocking, highest),
          "creation of a stream");
    try {
      check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "creation of an event");
    } catch (...) {
      cudaStreamDestroy(sums_);
      throw;
    }
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane() {
    cudaSetDevice(device_);
    cudaEventDestroy(event_);
    cudaStreamDestroy(sums_);
  }

  cudaStream_t sums() const { return sums_; }
  /// Sums that come now are behind the kernels.
  void sums_wait() const { order(kernels_, sums_); }
  /// Kernels that come now are behind the sums.
  void kernels_wait() const { order(sums_, kernels_); }

 private:
  void make_current() const { check(cudaSetDevice(device_), "choice of the device"); }
  /// An event may be recorded again at once: who waits for it waits for what it was.
  void order(cudaStream_t first, cudaStream_t second) const {
    make_current();
    check(cudaEventRecord(event_, first), "record of an event");
    check(cudaStreamWaitEvent(second, event_, 0), "wait for an event");
  }

  int device_;
  cudaStream_t kernels_;  // of the kernel set
  cudaStream_t sums_ = nullptr;
  cudaEvent_t event_ = nullptr;
};

/// Collectives of NCCL on one device wait for those on the others. So a call of CUDA between two
/// launches, which waits for the first one, would hold the second one back for ever. Here the last
/// member to come launches for all while the others wait on the host: then no device waits for what
/// a host has still to do, and a member that fails leaves none behind that waits for it.
class NcclExchange final : public Exchange {
 public:
  explicit NcclExchange(const std::vector<DeviceStream>& members)
      : meeting_(members.size()), given_(members.size()) {
    // Rings add in an order that the machine's wiring and the size alone decide; of sums in the
    // switches (NVLS) that is not said.
    setenv("NCCL_ALGO", "Ring", 0);
    // Its memory is asked for here, and not at the first sum, when activations may have taken all.
    setenv("NCCL_RUNTIME_CONNECT", "0", 0);
    std::vector<int> devices;
    for (const DeviceStream& member : members) {
      devices.push_back(member.device);
      lanes_.push_back(std::make_unique<Lane>(member));
    }
    communicators_.resize(devices.size());
    const int n = static_cast<int>(devices.size());
    const NcclResult result = nccl_.comm_init_all(communicators_.data(), n, devices.data());
    if (result != kNcclSuccess) end(communicators_, nccl_.comm_abort);
    must(result, "start");
  }
  NcclExchange(const NcclExchange&) = delete;
  NcclExchange& operator=(const NcclExchange&) = delete;
  ~NcclExchange() override {
    if (!communicators_.empty())
      end(communicators_, sums_end() ? nccl_.comm_destroy : nccl_.comm_abort);
  }

  std::size_t members() const override { return lanes_.size(); }

  void sum(std::size_t member, std::int64_t n, float* values) override {
    lanes_.at(member)->sums_wait();
    given_[member] = {n, values};
    meeting_.meet([this] { launch(); });
  }

  void wait(std::size_t member) override {
    meeting_.check();
    lanes_.at(member)->kernels_wait();
  }

  void abort() noexcept override {
    meeting_.break_off();  // no launch is under way or comes
    // A device that failed never runs its part of what was launched: the others' parts must end.
    const std::lock_guard lock(aborting_);
    end(communicators_, nccl_.comm_abort);
  }

 private:
  struct Given {
    std::int64_t n = 0;
    float* values = nullptr;
  };

  template <class How>
  static void end(std::vector<NcclComm>& communicators, const How& how) {
    for (const NcclComm communicator : communicators) {
      if (communicator != nullptr) how(communicator);
    }
    communicators.clear();
  }

  /// Waits for all sums, but not for those that a device which failed keeps from ending: false.
  bool sums_end() const {
    for (;; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
      bool all = true;
      for (const auto& lane : lanes_) {
        const cudaError_t answer = cudaStreamQuery(lane->sums());
        if (is_under_way(answer)) {
          all = false;
        } else if (answer != cudaSuccess) {
          return false;
        }
      }
      if (all) return true;
    }
  }

  void launch() {
    for (const Given& given : given_) {
      if (given.n != given_[0].n) throw std::logic_error("bug: a sum of arrays of other sizes");
    }
    must(nccl_.group_start(), "start of a sum");
    NcclResult result = kNcclSuccess;
    for (std::size_t m = 0; m < given_.size() && result == kNcclSuccess; ++m) {
      result = nccl_.all_reduce(given_[m].values, given_[m].values,
                                static_cast<std::size_t>(given_[m].n), kNcclFloat32, kNcclSum,
                                communicators_[m], lanes_[m]->sums());
    }
    const NcclResult ended = nccl_.group_end();
    must(result, "sum");
    must(ended, "launch of a sum");
  }

  void must(NcclResult result, const char* what) const {
    if (result == kNcclSuccess) return;
    throw std::runtime_error(std::string("NCCL: ") + what + ": " + nccl_.error_string(result) +
                             "; NCCL_DEBUG=WARN says more");
  }

  const NcclLibrary nccl_;
  Meeting meeting_;
  std::vector<Given> given_;  // by each member, to the sum under way
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::mutex aborting_;                  // members can fail at the same time
  std::vector<NcclComm> communicators_;  // empty once aborted
};

}  // namespace

std::unique_ptr<Exchange> make_nccl_exchange(const std::vector<DeviceStream>& members) {
  for (std::size_t m = 0; m < members.size(); ++m) {
    for (std::size_t before = 0; before < m; ++before) {
      if (members[before].device != members[m].device) continue;
      throw std::invalid_argument("cuda:" + std::to_string(members[m].device) + " is named twice");
    }
  }
  const char* blocking = std::getenv("CUDA_LAUNCH_BLOCKING");
  if (blocking != nullptr && std::string(blocking) != "0") {
    throw std::invalid_argument(
        "with CUDA_LAUNCH_BLOCKING sums over several GPUs never end; unset it");
  }
  return std::make_unique<NcclExchange>(members);
}

}  // namespace dnabird::kernels::cuda
