// What the exchange of GPUs asks of CUDA and NCCL, in which order and from which threads: both are
// replaced here by functions that write it down.
#include "kernels/cuda/runtime/nccl_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/cuda/runtime/nccl_library.h"

namespace {

/// A call and who made it.
struct Call {
  std::thread::id thread;
  std::string what;
};

std::mutex writing;
std::vector<Call> calls;
int streams_made = 0;
bool sums_fail = false, start_fails = false;
cudaError_t last_error = cudaSuccess;
cudaStream_t failed_stream = nullptr;
int unfinished = 0;  // times that sums are asked for before they have ended

void write(const std::string& what) {
  const std::lock_guard lock(writing);
  calls.push_back({std::this_thread::get_id(), what});
}

/// Kernels of device 5 run on stream 5; the streams of sums are 100, 101, ... and events theirs.
std::string name(const void* handle) {
  return std::to_string(reinterpret_cast<std::size_t>(handle));
}
template <class Handle>
Handle handle(std::size_t number) {
  return reinterpret_cast<Handle>(number);
}

}  // namespace

extern "C" {
const char* cudaGetErrorString(cudaError_t) { return "an error"; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaDeviceGetStreamPriorityRange(int* lowest, int* highest) {
  *lowest = 0;
  *highest = -5;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  EXPECT_EQ(flags, unsigned{cudaStreamNonBlocking});
  EXPECT_EQ(priority, -5);
  *stream = handle<cudaStream_t>(100 + streams_made++);
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = handle<cudaEvent_t>(99 + streams_made);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (stream == failed_stream) return cudaErrorIllegalAddress;
  if (unfinished-- > 0) return last_error = cudaErrorNotReady;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  write("event " + name(event) + " behind " + name(stream));
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  write(name(stream) + " waits for event " + name(event));
  return cudaSuccess;
}
}

namespace dnabird::kernels::cuda {

NcclLibrary::NcclLibrary() {
  comm_init_all = [](NcclComm* communicators, int n, const int* devices) {
    for (int i = 0; i < (start_fails ? 1 : n); ++i) {
      communicators[i] = handle<NcclComm>(devices[i]);
    }
    return start_fails ? NcclResult{1} : kNcclSuccess;
  };
  comm_destroy = [](NcclComm communicator) {
    write("destroy " + name(communicator));
    return kNcclSuccess;
  };
  comm_abort = [](NcclComm communicator) {
    write("abort " + name(communicator));
    return kNcclSuccess;
  };
  group_start = [] {
    write("start");
    return kNcclSuccess;
  };
  group_end = [] {
    write("end");
    return kNcclSuccess;
  };
  all_reduce = [](const void* from, void* to, std::size_t n, int type, int operation,
                  NcclComm communicator, cudaStream_t stream) {
    EXPECT_EQ(from, to);
    EXPECT_EQ(type, kNcclFloat32);
    EXPECT_EQ(operation, kNcclSum);
    write("sum of " + std::to_string(n) + " at " + name(from) + " by " + name(communicator) +
          " on " + name(stream));
    return sums_fail ? NcclResult{5} : kNcclSuccess;
  };
  error_string = [](NcclResult) -> const char* { return "invalid usage"; };
}

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

/// An exchange of devices 5 and 7, whose sums run on streams 100 and 101.
class NcclExchangeTest : public ::testing::Test {
 protected:
  NcclExchangeTest() {
    calls.clear();
    streams_made = 0;
    sums_fail = start_fails = false;
    failed_stream = nullptr;
    unfinished = 0;
    exchange_ = make_nccl_exchange({on(5), on(7)});
  }

  static DeviceStream on(int device) {
    return {device, handle<cudaStream_t>(static_cast<std::size_t>(device))};
  }
  static float* at(std::size_t address) { return handle<float*>(address); }

  static void both(const std::function<void(std::size_t)>& work) {
    std::thread second(work, 1);
    work(0);
    second.join();
  }

  static std::vector<std::string> all_calls() {
    std::vector<std::string> all;
    for (const Call& call : calls) all.push_back(call.what);
    return all;
  }
  /// The calls that hold one of the words.
  static std::vector<std::string> calls_with(const std::vector<std::string>& words) {
    std::vector<std::string> some;
    for (const Call& call : calls) {
      const auto holds = [&](const std::string& word) {
        return call.what.find(word) != std::string::npos;
      };
      if (std::any_of(words.begin(), words.end(), holds)) some.push_back(call.what);
    }
    return some;
  }

  std::unique_ptr<Exchange> exchange_;
};

TEST_F(NcclExchangeTest, OneThreadLaunchesTheSumsOfAllWhileNobodyElseCallsCuda) {
  constexpr int kRounds = 200;
  both([&](std::size_t m) {
    for (int i = 0; i < kRounds; ++i) exchange_->sum(m, 10, at(1000 * (m + 1)));
    exchange_->wait(m);
  });
  int launches = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].what != "start") continue;
    ++launches;
    ASSERT_LT(i + 3, calls.size());
    EXPECT_EQ(calls[i + 1].what, "sum of 10 at 1000 by 5 on 100");
    EXPECT_EQ(calls[i + 2].what, "sum of 10 at 2000 by 7 on 101");
    EXPECT_EQ(calls[i + 3].what, "end");
    for (std::size_t k = 1; k <= 3; ++k) EXPECT_EQ(calls[i + k].thread, calls[i].thread);
  }
  EXPECT_EQ(launches, kRounds);
}

TEST_F(NcclExchangeTest, SumsAreBehindTheKernelsBeforeThemAndKernelsBehindThemOnlyAfterAWait) {
  both([&](std::size_t m) {
    exchange_->sum(m, 10, at(1000));
    exchange_->sum(m, 20, at(2000));
    exchange_->wait(m);
  });
  EXPECT_THAT(calls_with({"event 100", "100 waits", "start", "on 100"}),
              ElementsAre("event 100 behind 5", "100 waits for event 100", "start",
                          "sum of 10 at 1000 by 5 on 100", "event 100 behind 5",
                          "100 waits for event 100", "start", "sum of 20 at 2000 by 5 on 100",
                          "event 100 behind 100", "5 waits for event 100"));
  EXPECT_THAT(
      calls_with({"event 101"}),
      ElementsAre("event 101 behind 7", "101 waits for event 101", "event 101 behind 7",
                  "101 waits for event 101", "event 101 behind 101", "7 waits for event 101"));
}

TEST_F(NcclExchangeTest, AFailureEndsTheSumsOfTheOtherAndEveryCommunicatorOnce) {
  both([&](std::size_t m) {
    exchange_->sum(m, 10, at(1000));
    if (m == 1) {
      exchange_->abort();
    } else {
      EXPECT_THROW(exchange_->sum(m, 10, at(1000)), ExchangeAborted);
      exchange_->abort();  // as whoever runs it does at any error
    }
    EXPECT_THROW(exchange_->wait(m), ExchangeAborted);
  });
  exchange_.reset();
  EXPECT_THAT(calls_with({"abort", "destroy"}), ElementsAre("abort 5", "abort 7"));
  EXPECT_THAT(calls_with({"start"}), ElementsAre("start"));
}

TEST_F(NcclExchangeTest, WithoutAFailureCommunicatorsAreDestroyedBehindTheirSums) {
  both([&](std::size_t m) {
    exchange_->sum(m, 10, at(1000));
    exchange_->wait(m);
  });
  unfinished = 5;
  exchange_.reset();
  EXPECT_LE(unfinished, 0);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "what the next launch would find";
  EXPECT_THAT(calls_with({"abort", "destroy"}), ElementsAre("destroy 5", "destroy 7"));
}

TEST_F(NcclExchangeTest, SumsThatAFailedDeviceKeepsFromEndingAreNotWaitedFor) {
  both([&](std::size_t m) {
    exchange_->sum(m, 10, at(1000));
    exchange_->wait(m);
  });
  unfinished = 1 << 30;  // the sums of the other device
  failed_stream = handle<cudaStream_t>(101);
  exchange_.reset();
  EXPECT_THAT(calls_with({"abort", "destroy"}), ElementsAre("abort 5", "abort 7"));
}

TEST_F(NcclExchangeTest, AStartThatFailsLeavesNoCommunicator) {
  start_fails = true;
  EXPECT_THAT(
      [] {
        make_nccl_exchange({on(5), on(7)});
      },
      ThrowsMessage<std::runtime_error>(HasSubstr("invalid usage")));
  EXPECT_THAT(calls_with({"abort", "destroy"}), ElementsAre("abort 5"));
}

TEST_F(NcclExchangeTest, AnErrorOfNcclIsThrownToAllAndTheGroupIsEnded) {
  sums_fail = true;
  both([&](std::size_t m) {
    EXPECT_THAT([&] { exchange_->sum(m, 10, at(1000)); },
                ThrowsMessage<std::runtime_error>(HasSubstr("invalid usage")));
  });
  EXPECT_EQ(calls_with({"start", "end"}), (std::vector<std::string>{"start", "end"}));
}

TEST_F(NcclExchangeTest, ArraysOfOtherSizesAreNotSummed) {
  both([&](std::size_t m) {
    EXPECT_THROW(exchange_->sum(m, static_cast<std::int64_t>(10 + m), at(1000)), std::logic_error);
  });
  EXPECT_THAT(all_calls(), Not(Contains("start")));
}

TEST_F(NcclExchangeTest, ADeviceIsNamedOnce) {
  EXPECT_THAT(
      [] {
        make_nccl_exchange({on(1), on(0), on(1)});
      },
      ThrowsMessage<std::invalid_argument>("cuda:1 is named twice"));
}

TEST_F(NcclExchangeTest, LaunchesThatBlockAreRefused) {
  setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
  EXPECT_THAT(
      [] {
        make_nccl_exchange({on(1), on(2)});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("CUDA_LAUNCH_BLOCKING")));
  unsetenv("CUDA_LAUNCH_BLOCKING");
}

TEST_F(NcclExchangeTest, RingsAddUnlessTheUserSaysOtherwise) {
  EXPECT_STREQ(std::getenv("NCCL_ALGO"), "Ring");
  EXPECT_STREQ(std::getenv("NCCL_RUNTIME_CONNECT"), "0");
  setenv("NCCL_ALGO", "Tree", 1);
  exchange_ = make_nccl_exchange({on(1)});
  EXPECT_STREQ(std::getenv("NCCL_ALGO"), "Tree");
  unsetenv("NCCL_ALGO");
}

}  // namespace
}  // namespace dnabird::kernels::cuda
