// Copies between host and device through pinned memory, on a CUDA whose stream does nothing before
// somebody waits for it: what would be read, given back or overwritten too early, is here.
#include "kernels/cuda/runtime/host_copies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace {

std::deque<std::function<void()>> stream_work;  // not done yet
std::size_t n_asked = 0, n_done = 0;
std::map<cudaEvent_t, std::size_t> behind;  // how much must be done
std::set<cudaEvent_t> made;
std::map<const char*, std::size_t> pinned;  // begin, bytes
std::size_t pinned_bytes = 0, most_pinned_bytes = 0;
int waits = 0;
cudaError_t last_error = cudaSuccess;
bool copies_fail = false;

void ask(std::function<void()> run) {
  stream_work.push_back(std::move(run));
  ++n_asked;
}
void do_until(std::size_t n) {
  for (; n_done < n; ++n_done) {
    stream_work.front()();
    stream_work.pop_front();
  }
}
bool is_pinned(const void* memory, std::size_t bytes) {
  const auto* begin = static_cast<const char*>(memory);
  auto found = pinned.upper_bound(begin);
  if (found == pinned.begin()) return false;
  --found;
  return begin + bytes <= found->first + found->second;
}

}  // namespace

extern "C" {
const char* cudaGetErrorString(cudaError_t) { return "an error"; }
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaSetDevice(int device) {
  EXPECT_EQ(device, 3);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  *memory = std::malloc(bytes);
  pinned[static_cast<char*>(*memory)] = bytes;
  pinned_bytes += bytes;
  most_pinned_bytes = std::max(most_pinned_bytes, pinned_bytes);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  const auto found = pinned.find(static_cast<char*>(memory));
  pinned_bytes -= found->second;
  pinned.erase(found);
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  static std::size_t number = 0;
  *event = reinterpret_cast<cudaEvent_t>(++number);
  made.insert(*event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  EXPECT_EQ(made.erase(event), 1U);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  behind[event] = n_asked;
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (behind[event] <= n_done) return cudaSuccess;
  return last_error = cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (behind[event] > n_done) ++waits;
  do_until(behind[event]);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  if (copies_fail) return cudaErrorInvalidValue;
  const void* host = kind == cudaMemcpyHostToDevice ? from : to;
  if (is_pinned(host, bytes)) {
    ask([=] { std::memcpy(to, from, bytes); });
    return cudaSuccess;
  }
  EXPECT_EQ(kind, cudaMemcpyHostToDevice);
  EXPECT_LE(bytes, std::size_t{64} << 10) << "the driver may wait for the stream";
  const auto* begin = static_cast<const std::byte*>(from);
  ask([to, taken = std::vector<std::byte>(begin, begin + bytes)] {
    std::memcpy(to, taken.data(), taken.size());
  });
  return cudaSuccess;
}
}

namespace dnabird::kernels::cuda {
namespace {

using Words = std::vector<std::uint32_t>;

Words words(std::size_t n, std::uint32_t first) {
  Words all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = first + static_cast<std::uint32_t>(i);
  return all;
}
std::size_t bytes_of(const Words& all) { return all.size() * sizeof(std::uint32_t); }

class HostCopiesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    waits = 0;
    most_pinned_bytes = 0;
    copies_ = std::make_unique<HostCopies>(3, nullptr);
  }
  void TearDown() override {
    do_until(n_asked);
    copies_.reset();
    EXPECT_EQ(pinned_bytes, 0U);
    EXPECT_TRUE(made.empty());
    copies_fail = false;
  }

  std::unique_ptr<HostCopies> copies_;
};

TEST_F(HostCopiesTest, BytesAreThoseOfTheCall) {
  // Below and above what the driver takes along, one piece and more.
  for (const std::size_t n : {1UL, 16384UL, 16385UL, 1048576UL, 2621443UL}) {
    Words device(n), host = words(n, 7);
    copies_->copy_in(device.data(), host.data(), bytes_of(host));
    std::fill(host.begin(), host.end(), 0);
    EXPECT_EQ(device, Words(n)) << "nobody has waited";
    do_until(n_asked);
    EXPECT_EQ(device, words(n, 7));
  }
  EXPECT_EQ(waits, 0);
}

TEST_F(HostCopiesTest, ManyCopiesWaitForRoomAlone) {
  constexpr std::size_t kWords = 131072, kCopies = 100;  // 512 KiB each
  std::vector<Words> device(kCopies, Words(kWords));
  Words host;
  for (std::size_t i = 0; i < kCopies; ++i) {
    host = words(kWords, static_cast<std::uint32_t>(i) << 20U);
    copies_->copy_in(device[i].data(), host.data(), bytes_of(host));
    EXPECT_EQ(waits > 0, (i + 1) * bytes_of(host) > HostCopies::kMostInFlight);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "what the next launch would find";
  }
  EXPECT_LE(most_pinned_bytes, HostCopies::kMostInFlight);
  do_until(n_asked);
  for (std::size_t i = 0; i < kCopies; ++i) {
    EXPECT_EQ(device[i], words(kWords, static_cast<std::uint32_t>(i) << 20U)) << i;
  }
}

TEST_F(HostCopiesTest, MemoryOfCopiesThatAreDoneIsUsedAgain) {
  Words device(100000);
  const Words host = words(100000, 1);
  for (int i = 0; i < 100; ++i) {
    copies_->copy_in(device.data(), host.data(), bytes_of(host));
    do_until(n_asked);
  }
  EXPECT_EQ(waits, 0);
  EXPECT_LE(most_pinned_bytes, 2 * bytes_of(host));
}

TEST_F(HostCopiesTest, WhatComesOutIsThatOfItsPlaceInTheStream) {
  Words device = words(1000, 0);
  const auto computes = [&device](std::uint32_t first) {
    ask([&device, first] { std::ranges::copy(words(1000, first), device.begin()); });
  };
  computes(10);
  const auto first = copies_->start_copy_out(device.data(), bytes_of(device));
  computes(20);
  const auto second = copies_->start_copy_out(device.data(), bytes_of(device));
  computes(30);
  EXPECT_EQ(waits, 0);
  const auto expect = [](HostCopy& copy, std::uint32_t start) {
    const auto* values = static_cast<const std::uint32_t*>(copy.wait());
    EXPECT_EQ(Words(values, values + 1000), words(1000, start));
  };
  std::thread([&] { expect(*first, 10); }).join();
  EXPECT_EQ(device, words(1000, 10)) << "more than the first was waited for";
  expect(*second, 20);
  expect(*first, 10);
  do_until(n_asked);
}

TEST_F(HostCopiesTest, ACopyThatNobodyWaitsForKeepsItsMemoryUntilItIsDone) {
  Words device = words(50000, 3), target(50000);
  const Words host = words(50000, 9);
  copies_->start_copy_out(device.data(), bytes_of(device));
  copies_->copy_in(target.data(), host.data(), bytes_of(host));
  do_until(n_asked);
  EXPECT_EQ(target, host);
}

TEST_F(HostCopiesTest, ACopyMayOutliveThoseOfTheDevice) {
  Words device = words(1000, 5);
  const auto copy = copies_->start_copy_out(device.data(), bytes_of(device));
  do_until(n_asked);
  copies_.reset();
  EXPECT_EQ(*static_cast<const std::uint32_t*>(copy->wait()), 5U);
}

TEST_F(HostCopiesTest, ErrorsOfTheRuntimeSayWhatFailed) {
  const Words host = words(50000, 9);
  Words device(50000);
  copies_fail = true;
  EXPECT_THROW(copies_->copy_in(device.data(), host.data(), bytes_of(host)), std::runtime_error);
  EXPECT_THROW(copies_->copy_in(device.data(), host.data(), 8), std::runtime_error);
  EXPECT_THROW(copies_->start_copy_out(device.data(), 8), std::runtime_error);
  copies_fail = false;
  copies_->copy_in(device.data(), host.data(), bytes_of(host));
  do_until(n_asked);
  EXPECT_EQ(device, host);
}

}  // namespace
}  // namespace dnabird::kernels::cuda
