// What sm_90a adds to the emulated warp: wgmma by its descriptors, TMA with swizzle, mbarriers, and
// a producer that runs when a consumer waits (lazy) or whenever it can (eager). Products are
// carried out as late as allowed, when they are waited for: a result read too early is still the
// old one, and a tile or register released too early has changed by then.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>

#include "kernels/cuda/attention/hopper_pipeline.h"
#include "support/cuda_host_warp.h"

namespace dnabird::test {

enum class ProducerMood { lazy, eager };

/// Elements of an operand of wgmma in shared memory, by its descriptor.
class HostOperand {
 public:
  HostOperand(const std::vector<std::byte>& memory, std::uint64_t descriptor)
      : memory_(memory),
        start_(static_cast<std::uint32_t>(descriptor & 0x3FFFU) << 4U),
        leading_(static_cast<std::uint32_t>(descriptor >> 16U & 0x3FFFU) << 4U),
        stride_(static_cast<std::uint32_t>(descriptor >> 32U & 0x3FFFU) << 4U),
        row_bytes_(descriptor >> 62U == 1U ? 128U : 64U) {
    if (descriptor >> 62U != 1U && descriptor >> 62U != 2U) throw std::logic_error("swizzle");
  }
  /// Row i (m or n) and element k of 16, rows being contiguous in k.
  float k_major(std::uint32_t i, std::uint32_t k) const {
    return at(start_ + i / 8 * stride_ + i % 8 * row_bytes_ + 2 * k);
  }
  /// Column n and row k of 16, rows being contiguous in n.
  float mn_major(std::uint32_t n, std::uint32_t k) const {
    const std::uint32_t panel = row_bytes_ / 2;
    return at(start_ + n / panel * leading_ + k / 8 * stride_ + k % 8 * row_bytes_ + n % panel * 2);
  }

 private:
  float at(std::uint32_t plain) const {
    const std::uint32_t key = row_bytes_ == 128 ? plain >> 7U & 7U : plain >> 7U & 3U;
    const std::uint32_t address = plain ^ (key << 4U);
    std::uint16_t bits = 0;
    std::memcpy(&bits, &memory_.at(address + 1) - 1, 2);
    return from_bf16(bits);
  }
  const std::vector<std::byte>& memory_;
  std::uint32_t start_, leading_, stride_, row_bytes_;
};

/// A tensor in global memory as TMA sees it.
struct HostTensorMap {
  const void* base = nullptr;
  kernels::cuda::TensorShape shape{};
};
struct HostHopperMaps {
  HostTensorMap qkv, out, dout;
};

class HostHopperWarp : public HostWarp {
 public:
  HostHopperWarp(HostSharedMemory& shared, std::uint32_t index)
      : HostWarp(shared, index), memory_(&shared) {}

  void start_products() {}
  void commit_products() {
    groups_.push_back(std::move(open_));
    open_.clear();
  }
  template <int kGroupsLeft>
  void wait_for_products() {
    while (groups_.size() > kGroupsLeft) {
      for (const auto& product : groups_.front()) product();
      groups_.erase(groups_.begin());
    }
  }
  /// sums (this warp's 16 of 64 x kColumns) = or += a * b^T, 16 deep, both in shared memory.
  template <int kColumns>
  void multiply_shared(F32 (&sums)[kColumns / 8][4], std::uint64_t a, std::uint64_t b, bool add) {
    open_.push_back([this, &sums, a, b, add] {
      const HostOperand left(memory_->bytes(), a), right(memory_->bytes(), b);
      float x[16][16], y[16][kColumns];
      for (std::uint32_t k = 0; k < 16; ++k) {
        for (std::uint32_t row = 0; row < 16; ++row) {
          x[row][k] = left.k_major(16 * index() + row, k);
        }
        for (std::uint32_t n = 0; n < kColumns; ++n) y[k][n] = right.k_major(n, k);
      }
      accumulate<kColumns>(sums, x, y, add);
    });
  }
  /// sums += a (A fragment) * b, b with its 16 rows as k.
  template <int kColumns>
  void multiply_registers(F32 (&sums)[kColumns / 8][4], const U32 (&a)[4], std::uint64_t b) {
    open_.push_back([this, &sums, &a, b] {
      const HostOperand right(memory_->bytes(), b);
      float x[16][16], y[16][kColumns];
      for (std::size_t lane = 0; lane < 32; ++lane) {
        for (std::size_t r = 0; r < 4; ++r) {
          const std::size_t row = lane / 4 + 8 * (r % 2), k = 2 * (lane % 4) + 8 * (r / 2);
          x[row][k] = from_bf16(a[r][lane] & 0xFFFFU);
          x[row][k + 1] = from_bf16(a[r][lane] >> 16U);
        }
      }
      for (std::uint32_t k = 0; k < 16; ++k) {
        for (std::uint32_t n = 0; n < kColumns; ++n) y[k][n] = right.mn_major(n, k);
      }
      accumulate<kColumns>(sums, x, y, true);
    });
  }
  static U32 multiply_bf16(const U32& a, const U32& b) {
    return pack_bf16(low_bf16(a) * low_bf16(b), high_bf16(a) * high_bf16(b));
  }
  /// On a device keeps the compiler from moving registers that products in flight use.
  template <int kTiles>
  void keep(F32 (&)[kTiles][4]) {}
  U32 thread() const { return lane() + 32U * index(); }
  void clear16(const U32& address, const Mask& which) {
    for (std::size_t i = 0; i < 32; ++i) {
      if (which[i]) std::memset(memory_->write(address[i], 16, index()), 0, 16);
    }
  }
  void store_shared(const U32& address, const F32& x) {
    for (std::size_t i = 0; i < 32; ++i) {
      std::memcpy(memory_->write(address[i], 4, index()), &x[i], 4);
    }
  }
  F32 load_shared(const U32& address) {
    F32 x;
    for (std::size_t i = 0; i < 32; ++i) {
      std::memcpy(&x[i], memory_->read(address[i], 4, index()), 4);
    }
    return x;
  }
  bool idle() const { return open_.empty() && groups_.empty(); }

 private:
  template <int kColumns>
  static void accumulate(F32 (&sums)[kColumns / 8][4], const float (&x)[16][16],
                         const float (&y)[16][kColumns], bool add) {
    for (std::uint32_t row = 0; row < 16; ++row) {
      float sum[kColumns] = {};
      for (std::uint32_t k = 0; k < 16; ++k) {
        for (std::uint32_t n = 0; n < kColumns; ++n) sum[n] += x[row][k] * y[k][n];
      }
      for (std::uint32_t n = 0; n < kColumns; ++n) {
        float& to = sums[n / 8][row / 8 * 2 + n % 2][row % 8 * 4 + n % 8 / 2];
        to = add ? to + sum[n] : sum[n];
      }
    }
  }

  HostSharedMemory* memory_;
  std::vector<std::function<void()>> open_;
  std::vector<std::vector<std::function<void()>>> groups_;
};

class HostHopperCta {
 public:
  using Warp = HostHopperWarp;
  using Maps = HostHopperMaps;
  static constexpr int kConsumerWarps = 4;
  template <class State>
  struct PerWarp {
    std::vector<State> states = std::vector<State>(kConsumerWarps);
    State& operator[](const Warp& warp) { return states[warp.index()]; }
  };

  template <class X>
  using PerLane = std::array<X, 32>;

  HostHopperCta(std::size_t bytes, ProducerMood mood) : shared_(bytes), mood_(mood) {
    for (std::uint32_t i = 0; i < kConsumerWarps; ++i) warps_.emplace_back(shared_, i);
    producer_warp_ = std::make_unique<Warp>(shared_, kConsumerWarps);
  }
  std::uint32_t shared_address() const { return 0; }

  template <class Start>
  void start_barriers(const Start& start) {
    start();
  }
  void start_barrier(std::uint32_t barrier, int arrivals) {
    if (!barriers_.emplace(barrier, Barrier{arrivals, arrivals, 0, 0}).second) fault();
  }
  template <class Producer>
  bool run_producer(Producer& producer) {
    producer.begin(*this);
    load_next_ = [this, &producer] { return producer.load_next(*this); };
    run_eagerly();
    return false;
  }
  template <class F>
  void each_warp(const F& f) {
    for (Warp& warp : warps_) f(warp);
  }
  template <class F>
  void producer_lanes(const F& f) {
    f(*producer_warp_);
  }
  template <class X, class F>
  void fill_lanes(PerLane<X>& x, const F& f) {
    for (std::uint32_t lane = 0; lane < 32; ++lane) x[lane] = f(lane);
  }
  template <class X>
  X of_lane(const PerLane<X>& x, std::uint32_t lane) const {
    return x.at(lane);
  }
  template <class X>
  void hand_over(std::uint32_t address, const X& x) {
    constexpr std::size_t kStep = sizeof(X) == 4 ? 4 : 16;
    for (std::size_t i = 0; i < sizeof(X); i += kStep) {
      std::byte* to = shared_.write(address + static_cast<std::uint32_t>(i), kStep, kConsumerWarps);
      std::memcpy(to, reinterpret_cast<const char*>(&x) + i, kStep);
    }
  }
  template <class X>
  X read_shared(std::uint32_t address) {
    constexpr std::size_t kStep = sizeof(X) == 4 ? 4 : 16;
    X x{};
    for (std::size_t i = 0; i < sizeof(X); i += kStep) {
      // Warp 0 stands for all consumers: what they read is the same.
      const std::byte* from = shared_.read(address + static_cast<std::uint32_t>(i), kStep, 0);
      std::memcpy(reinterpret_cast<char*>(&x) + i, from, kStep);
    }
    return x;
  }
  template <class X>
  static X uniform(X x) {
    return x;
  }
  void prefetch(const HostTensorMap&) {}

  bool ready(std::uint32_t barrier, std::uint32_t parity) {
    if ((barriers_.at(barrier).phase & 1U) == parity) return false;
    shared_.barrier();  // what the barrier guards is visible now, and free
    return true;
  }
  void wait(std::uint32_t barrier, std::uint32_t parity) {
    while (!ready(barrier, parity)) {
      if (load_next_() != kernels::cuda::Load::started) throw std::logic_error("deadlock");
    }
  }
  void expect_bytes(std::uint32_t barrier, int bytes) {
    barriers_.at(barrier).bytes += bytes;
    arrive(barrier, 1);
  }
  void join_lanes() {}
  /// All lanes of the producer have written what this barrier guards.
  void arrive_joined(std::uint32_t barrier) { arrive(barrier, 1); }
  void release(Warp&, std::uint32_t barrier) {
    arrive(barrier, 1);
    run_eagerly();
  }
  void share_writes() { shared_.barrier(); }
  template <class T>
  void load_box(const HostTensorMap& map, const kernels::cuda::BoxPlace& at, std::uint32_t to,
                std::uint32_t barrier) {
    const auto& s = map.shape;
    const std::int64_t begin[4] = {at.element, at.part, at.token, at.batch};
    if (to % 1024 != 0 || s.box[0] * 2 != T::kRowBytes || s.box[2] != T::kRows) fault();
    for (std::uint32_t row = 0; row < s.box[2]; ++row) {
      for (std::uint32_t e = 0; e < s.box[0]; ++e) {
        const std::int64_t index[4] = {begin[0] + e, begin[1], begin[2] + row, begin[3]};
        std::uint16_t value = 0;
        bool inside = true;
        std::int64_t offset = 2 * index[0];
        for (int axis = 0; axis < 4; ++axis) {
          inside = inside && index[axis] < static_cast<std::int64_t>(s.size[axis]);
          if (axis > 0) offset += index[axis] * static_cast<std::int64_t>(s.stride_bytes[axis - 1]);
        }
        if (inside) std::memcpy(&value, static_cast<const char*>(map.base) + offset, 2);
        const std::uint32_t plain = to + row * T::kRowBytes + 2 * e;
        const std::uint32_t key = T::kRowBytes == 128 ? plain >> 7U & 7U : plain >> 7U & 3U;
        std::memcpy(shared_.copy_to(plain ^ (key << 4U), 2), &value, 2);
      }
    }
    Barrier& b = barriers_.at(barrier);
    b.bytes -= static_cast<std::int64_t>(s.box[0] * s.box[2] * 2);
    complete(b);
  }

  std::int64_t faults() const {
    std::int64_t faults = faults_ + shared_.races();
    for (const Warp& warp : warps_) faults += warp.conflicts() + (warp.idle() ? 0 : 1);
    for (const auto& [address, b] : barriers_) faults += b.bytes != 0 ? 1 : 0;
    return faults;
  }

 private:
  struct Barrier {
    int arrivals, pending;
    std::int64_t bytes;
    std::uint32_t phase;
  };
  void fault() { ++faults_; }
  void arrive(std::uint32_t barrier, int count) {
    Barrier& b = barriers_.at(barrier);
    if (b.pending < count) fault();
    b.pending -= count;
    complete(b);
  }
  static void complete(Barrier& b) {
    if (b.pending > 0 || b.bytes != 0) return;
    b.pending = b.arrivals;
    ++b.phase;
  }
  void run_eagerly() {
    if (mood_ == ProducerMood::lazy) return;
    while (load_next_() == kernels::cuda::Load::started) continue;
  }

  HostSharedMemory shared_;
  ProducerMood mood_;
  std::vector<Warp> warps_;
  std::unique_ptr<Warp> producer_warp_;
  std::map<std::uint32_t, Barrier> barriers_;
  std::function<kernels::cuda::Load()> load_next_;
  std::int64_t faults_ = 0;
};

}  // namespace dnabird::test
