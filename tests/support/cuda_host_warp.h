// A thread block on the host: the warps run phase by phase between barriers, registers are arrays
// over lanes, and mma, ldmatrix and cp.async do what the PTX manual (ISA 8.x, "Matrix fragments for
// mma.m16n8k16", "ldmatrix", "cp.async") says. It counts what a device would not report:
//   races: two warps meet in 16 bytes of shared memory without a barrier between them, one writing,
//     or a copy's target is read before the copy was waited for and a barrier passed;
//   conflicts: the eight rows of one ldmatrix matrix are not in eight different bank groups.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include "support/cuda_lanes.h"

namespace dnabird::test {

class HostSharedMemory {
 public:
  explicit HostSharedMemory(std::size_t bytes)
      : bytes_(bytes, std::byte{0xFF}), chunks_((bytes + 15) / 16) {}

  /// 16 bytes (or a part of them) that warp `warp` reads.
  const std::byte* read(std::uint32_t address, std::size_t size, std::uint32_t warp) {
    Chunk& chunk = chunk_at(address, size);
    if (chunk.in_flight > 0 || (chunk.written == epoch_ && chunk.writer != warp)) ++races_;
    if (chunk.read != epoch_) chunk.reader = warp;
    if (chunk.reader != warp) chunk.reader = kMany;
    chunk.read = epoch_;
    return &bytes_.at(address);
  }
  /// The same, to write now.
  std::byte* write(std::uint32_t address, std::size_t size, std::uint32_t warp) {
    note_write(address, size, warp);
    return &bytes_.at(address);
  }
  /// A copy that lands at the first barrier after its group was waited for.
  void write_later(std::uint32_t address, const void* from, std::size_t size, std::uint32_t warp) {
    note_write(address, size, warp);
    ++chunk_at(address, size).in_flight;
    Copy copy{address, std::vector<std::byte>(size, std::byte{0})};
    if (from != nullptr) std::memcpy(copy.data.data(), from, size);
    open_.push_back(std::move(copy));
  }
  /// A write by the copy engine, which mbarriers order.
  std::byte* copy_to(std::uint32_t address, std::size_t size) {
    chunk_at(address, size);
    return &bytes_.at(address);
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  void commit() {
    groups_.push_back(std::move(open_));
    open_.clear();
  }
  void wait(std::size_t groups_left) {
    while (groups_.size() > groups_left) {
      landing_.insert(landing_.end(), groups_.front().begin(), groups_.front().end());
      groups_.erase(groups_.begin());
    }
  }
  void barrier() {
    for (const Copy& copy : landing_) {
      std::memcpy(&bytes_[copy.address], copy.data.data(), copy.data.size());
      --chunks_[copy.address / 16].in_flight;
    }
    landing_.clear();
    ++epoch_;
  }

  std::int64_t races() const { return races_; }
  bool idle() const { return open_.empty() && groups_.empty() && landing_.empty(); }

 private:
  static constexpr std::uint32_t kMany = std::numeric_limits<std::uint32_t>::max();
  struct Chunk {
    std::int64_t read = -1, written = -1;
    std::uint32_t reader = 0, writer = 0;
    int in_flight = 0;
  };
  struct Copy {
    std::uint32_t address;
    std::vector<std::byte> data;
  };

  Chunk& chunk_at(std::uint32_t address, std::size_t size) {
    if (address % size != 0 || address + size > bytes_.size()) ++races_;
    return chunks_.at(address / 16);
  }
  void note_write(std::uint32_t address, std::size_t size, std::uint32_t warp) {
    Chunk& chunk = chunk_at(address, size);
    const bool after_read = chunk.read == epoch_ && chunk.reader != warp;
    const bool after_write = chunk.written == epoch_ && chunk.writer != warp;
    if (after_read || after_write) ++races_;
    chunk.written = epoch_;
    chunk.writer = warp;
  }

  std::vector<std::byte> bytes_;
  std::vector<Chunk> chunks_;
  std::vector<Copy> open_, landing_;
  std::vector<std::vector<Copy>> groups_;
  std::int64_t epoch_ = 0, races_ = 0;
};

class HostWarp {
 public:
  using F32 = Lanes<float>;
  using U32 = Lanes<std::uint32_t>;
  using Mask = Lanes<bool>;

  HostWarp(HostSharedMemory& shared, std::uint32_t index) : shared_(&shared), index_(index) {
    for (std::uint32_t lane = 0; lane < 32; ++lane) lane_[lane] = lane;
  }
  U32 lane() const { return lane_; }
  std::uint32_t index() const { return index_; }

  static F32 max(const F32& a, const F32& b) {
    return map_lanes<float>(a, b, [](float x, float y) { return std::fmax(x, y); });
  }
  static F32 exp2(const F32& a) {
    return map_lanes<float>(a, [](float x) { return std::exp2(x); });
  }
  static F32 log2(const F32& a) {
    return map_lanes<float>(a, [](float x) { return std::log2(x); });
  }
  static F32 divide(const F32& a, const F32& b) { return a / b; }
  static F32 fma(const F32& a, const F32& b, const F32& c) {
    F32 r;
    for (std::size_t i = 0; i < 32; ++i) r[i] = a[i] * b[i] + c[i];
    return r;
  }
  template <class X>
  static Lanes<X> shuffle_xor(const Lanes<X>& a, std::uint32_t mask) {
    Lanes<X> r;
    for (std::size_t i = 0; i < 32; ++i) r[i] = a[i ^ mask];
    return r;
  }
  static bool any(const Mask& a) {
    return std::any_of(a.v.begin(), a.v.end(), [](bool x) { return x; });
  }
  static F32 broadcast(const F32& a, std::uint32_t lane) { return F32(a[lane]); }
  template <class X>
  static Lanes<X> select(const Mask& which, const Lanes<X>& a, const Lanes<X>& b) {
    Lanes<X> r;
    for (std::size_t i = 0; i < 32; ++i) r[i] = which[i] ? a[i] : b[i];
    return r;
  }
  static U32 pack_bf16(const F32& low, const F32& high) {
    U32 r;
    for (std::size_t i = 0; i < 32; ++i) {
      r[i] = to_bf16(low[i]) | static_cast<std::uint32_t>(to_bf16(high[i])) << 16U;
    }
    return r;
  }
  static F32 low_bf16(const U32& a) {
    return map_lanes<float>(a, [](std::uint32_t x) { return from_bf16(x & 0xFFFFU); });
  }
  static F32 high_bf16(const U32& a) {
    return map_lanes<float>(a, [](std::uint32_t x) { return from_bf16(x >> 16U); });
  }

  void copy16_async(const U32& to, const void* base, const U32& offset, const Mask& exists) {
    for (std::size_t i = 0; i < 32; ++i) {
      shared_->write_later(to[i], exists[i] ? at(base, offset[i], 16) : nullptr, 16, index_);
    }
  }
  void copy4_async(const U32& to, const void* base, const U32& offset, const Mask& exists) {
    for (std::size_t i = 0; i < 32; ++i) {
      shared_->write_later(to[i], exists[i] ? at(base, offset[i], 4) : nullptr, 4, index_);
    }
  }
  void ldmatrix(U32 (&r)[4], const U32& address) { load_matrices(r, address, false); }
  void ldmatrix_transposed(U32 (&r)[4], const U32& address) { load_matrices(r, address, true); }
  /// Two neighbouring f32 of shared memory.
  void load_two(F32& a, F32& b, const U32& address) {
    for (std::size_t i = 0; i < 32; ++i) {
      const std::byte* from = shared_->read(address[i], 8, index_);
      std::memcpy(&a[i], from, 4);
      std::memcpy(&b[i], from + 4, 4);
    }
  }
  /// sums (16 x 8) += a (16 x 16) * b (16 x 8)
  static void mma(F32 (&sums)[4], const U32 (&a)[4], const U32& b0, const U32& b1) {
    float left[16][16], right[16][8];
    for (std::size_t lane = 0; lane < 32; ++lane) {
      const std::size_t g = lane / 4, t = lane % 4;
      for (std::size_t r = 0; r < 4; ++r) {
        const std::size_t row = g + 8 * (r % 2), k = 2 * t + 8 * (r / 2);
        left[row][k] = from_bf16(a[r][lane] & 0xFFFFU);
        left[row][k + 1] = from_bf16(a[r][lane] >> 16U);
      }
      for (std::size_t r = 0; r < 2; ++r) {
        const std::uint32_t b = r == 0 ? b0[lane] : b1[lane];
        right[2 * t + 8 * r][g] = from_bf16(b & 0xFFFFU);
        right[2 * t + 8 * r + 1][g] = from_bf16(b >> 16U);
      }
    }
    for (std::size_t row = 0; row < 16; ++row) {
      float sum[8] = {};
      for (std::size_t k = 0; k < 16; ++k) {
        for (std::size_t n = 0; n < 8; ++n) sum[n] += left[row][k] * right[k][n];
      }
      for (std::size_t n = 0; n < 8; ++n) {
        const std::size_t lane = row % 8 * 4 + n / 2;
        sums[row / 8 * 2 + n % 2][lane] += sum[n];
      }
    }
  }

  template <class T>
  void store(void* base, const U32& offset, const Lanes<T>& value, const Mask& exists) {
    for (std::size_t i = 0; i < 32; ++i) {
      if (exists[i]) std::memcpy(static_cast<char*>(base) + offset[i], &value[i], sizeof(T));
    }
  }
  void store_words(void* base, const U32& offset, const U32 (&words)[4], const Mask& exists) {
    for (std::size_t i = 0; i < 32; ++i) {
      if (offset[i] % 16 != 0) throw std::logic_error("16 bytes that are not aligned");
      for (std::size_t word = 0; exists[i] && word < 4; ++word) {
        std::memcpy(static_cast<char*>(base) + offset[i] + 4 * word, &words[word][i], 4);
      }
    }
  }
  void store_two(float* base, const U32& offset, const F32& a, const F32& b) {
    for (std::size_t i = 0; i < 32; ++i) {
      base[offset[i] / 4] = a[i];
      base[offset[i] / 4 + 1] = b[i];
    }
  }
  F32 load_f32(const void* base, const U32& offset, const Mask& exists, float otherwise) {
    F32 r(otherwise);
    for (std::size_t i = 0; i < 32; ++i) {
      if (exists[i]) std::memcpy(&r[i], static_cast<const char*>(base) + offset[i], 4);
    }
    return r;
  }
  template <class Element>
  F32 load_element(const void* base, const U32& index, const Mask& exists) {
    F32 r(0.0F);
    for (std::size_t i = 0; i < 32; ++i) {
      if (!exists[i]) continue;
      const char* from = static_cast<const char*>(base) + std::size_t{index[i]} * Element::kBytes;
      std::uint32_t bits = 0;
      std::memcpy(&bits, from, Element::kBytes);
      r[i] = std::bit_cast<float>(Element::kBytes == 4 ? bits : bits << 16U);
    }
    return r;
  }
  template <class Element>
  void store_element(void* base, const U32& index, const F32& x, const Mask& exists) {
    for (std::size_t i = 0; i < 32; ++i) {
      if (!exists[i]) continue;
      const std::uint32_t bits =
          Element::kBytes == 4 ? std::bit_cast<std::uint32_t>(x[i]) : to_bf16(x[i]);
      std::memcpy(static_cast<char*>(base) + std::size_t{index[i]} * Element::kBytes, &bits,
                  Element::kBytes);
    }
  }

  std::int64_t conflicts() const { return conflicts_; }

 private:
  /// Bytes of global memory; a device needs them aligned to their size.
  const void* at(const void* base, std::uint32_t offset, std::size_t size) {
    const char* address = static_cast<const char*>(base) + offset;
    if (reinterpret_cast<std::uintptr_t>(address) % size != 0) ++conflicts_;
    return address;
  }
  void load_matrices(U32 (&r)[4], const U32& address, bool transposed) {
    for (std::size_t matrix = 0; matrix < 4; ++matrix) {
      std::uint16_t x[8][8];
      std::uint32_t banks = 0;
      for (std::size_t row = 0; row < 8; ++row) {
        const std::uint32_t from = address[8 * matrix + row];
        std::memcpy(x[row], shared_->read(from, 16, index_), 16);
        banks |= 1U << (from / 16 % 8);
      }
      if (banks != 0xFFU) ++conflicts_;
      for (std::size_t lane = 0; lane < 32; ++lane) {
        const std::size_t i = lane / 4, j = 2 * (lane % 4);
        const std::uint32_t low = transposed ? x[j][i] : x[i][j];
        const std::uint32_t high = transposed ? x[j + 1][i] : x[i][j + 1];
        r[matrix][lane] = low | high << 16U;
      }
    }
  }

  HostSharedMemory* shared_;
  std::uint32_t index_;
  U32 lane_;
  std::int64_t conflicts_ = 0;
};

/// A thread block of kWarps_ warps with `bytes` of shared memory, poisoned with NaN.
template <int kWarps_>
class HostCta {
 public:
  using Warp = HostWarp;
  static constexpr int kWarps = kWarps_;
  template <class State>
  struct PerWarp {
    std::vector<State> states = std::vector<State>(kWarps);
    State& operator[](const Warp& warp) { return states[warp.index()]; }
  };

  explicit HostCta(std::size_t bytes) : shared_(bytes) {
    for (std::uint32_t i = 0; i < kWarps; ++i) warps_.emplace_back(shared_, i);
  }
  std::uint32_t shared_address() const { return 0; }
  template <class F>
  void each_warp(const F& f) {
    for (Warp& warp : warps_) f(warp);
  }
  void commit_copies() { shared_.commit(); }
  template <int kGroupsLeft>
  void wait_for_copies() {
    shared_.wait(kGroupsLeft);
  }
  void barrier() { shared_.barrier(); }

  /// Races, bank conflicts, misaligned addresses and copies that nobody waited for.
  std::int64_t faults() const {
    std::int64_t faults = shared_.races() + (shared_.idle() ? 0 : 1);
    for (const Warp& warp : warps_) faults += warp.conflicts();
    return faults;
  }

 private:
  HostSharedMemory shared_;
  std::vector<Warp> warps_;
};

}  // namespace dnabird::test
