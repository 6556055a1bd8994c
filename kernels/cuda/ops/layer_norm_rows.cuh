// Layer norm of rows that fit the registers of one warp, or of the four of a thread block: every
// row is read once.
#pragma once

#include "kernels/cuda/ops/block_reduce.cuh"
#include "kernels/cuda/ops/dropout.cuh"
#include "kernels/cuda/ops/packs.cuh"

namespace dnabird::kernels::cuda {

inline constexpr int kNormThreads = 128, kNormWarps = kNormThreads / 32;

struct LayerNormRows {
  std::int64_t rows;
  int channels;
  float epsilon;
  const void* x;
  const float *gamma, *beta;
  void* y;
  float *mean, *rstd;
  const void* residual;  // or null
  void* sum;             // or null
  DeviceDraws dropout;   // of x; with it channels is a multiple of 4
  bool x_aligned, parameters_aligned;
};

struct LayerNormGradRows {
  std::int64_t rows;
  int channels;
  const void* x;
  const float *gamma, *mean, *rstd;
  const void* dy;
  void* dx;        // or null
  void* ddropped;  // or null; else as in LayerNormRows:
  DeviceDraws dropout;
  float* parts;  // (thread blocks, 2 channels): sums of dy x_hat, then of dy; or null
  bool x_aligned, gamma_aligned;
};

/// The part of a row that one thread holds: kPacks times as many elements in sequence as a pack
/// has. Which ones does not depend on how they are loaded.
template <class T, int kWarps, int kPacks>
struct NormLayout {
  static constexpr int kWidth = kPackSize<T>, kRows = kNormWarps / kWarps;

  /// Rows that a thread block holds at a time, the row of this thread among them.
  __device__ __forceinline__ static int row() {
    return kWarps == 1 ? static_cast<int>(threadIdx.x / 32) : 0;
  }
  /// The channel of the first element of pack `p`.
  __device__ __forceinline__ static int channel(int p) {
    const int thread = static_cast<int>(kWarps == 1 ? threadIdx.x % 32 : threadIdx.x);
    return (p * kWarps * 32 + thread) * kWidth;
  }
};

/// Elements c, c + 1, ... of a row of n; 0 beyond its end. Aligned: the row is to 16 bytes, and n
/// is a multiple of the pack's size.
template <class T>
__device__ __forceinline__ Pack<T> load_part(const T* row, int c, int n, bool aligned) {
  Pack<T> pack{};
  if (aligned) {
    if (c < n) pack = load_pack(row + c);
  } else {
    T element[kPackSize<T>] = {};
#pragma unroll
    for (int i = 0; i < kPackSize<T>; ++i) {
      if (c + i < n) element[i] = row[c + i];
    }
    static_assert(sizeof element == sizeof pack);
    __builtin_memcpy(&pack, element, sizeof pack);
  }
  return pack;
}

/// This thread's part of a row. All loads come before anything that waits for one.
template <class T, int kWarps, int kPacks>
__device__ __forceinline__ void load_row(const T* row, int n, bool aligned, Pack<T> (&to)[kPacks]) {
  using Layout = NormLayout<T, kWarps, kPacks>;
  if (aligned) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) to[p] = load_part(row, Layout::channel(p), n, true);
  } else {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) to[p] = load_part(row, Layout::channel(p), n, false);
  }
}

template <int kWidth>
__device__ __forceinline__ void load_parameters(const float* from, int c, int n, bool aligned,
                                                float (&to)[kWidth]) {
#pragma unroll
  for (int i = 0; i < kWidth; i += 4) {
    const Pack<float> pack = load_part(from, c + i, n, aligned);
#pragma unroll
    for (int j = 0; j < 4; ++j) to[i + j] = pack[j];
  }
}

template <int kWidth, class T>
__device__ __forceinline__ void store_part(T* row, int c, int n, bool aligned,
                                           const float (&from)[kWidth]) {
  if (aligned) {
    if (c < n) store_elements(row + c, from);
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      if (c + i < n) store(row[c + i], from[i]);
    }
  }
}

template <class T, int kWarps, int kPacks>
__global__ void __launch_bounds__(kNormThreads) layer_norm_forward_kernel(const LayerNormRows a) {
  using Layout = NormLayout<T, kWarps, kPacks>;
  constexpr int kWidth = Layout::kWidth;
  const std::int64_t r = std::int64_t{blockIdx.x} * Layout::kRows + Layout::row();
  if (r >= a.rows) return;
  const int n = a.channels;
  const T* x = static_cast<const T*>(a.x) + r * n;
  float s[kPacks][kWidth];
  float total = 0;
  {
    Pack<T> packs[kPacks], residuals[kPacks] = {};
    load_row<T, kWarps>(x, n, a.x_aligned, packs);
    if (a.residual) {
      load_row<T, kWarps>(static_cast<const T*>(a.residual) + r * n, n, a.x_aligned, residuals);
    }
    const ElementDropout dropout(a.dropout);
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
#pragma unroll
      for (int i = 0; i < kWidth; ++i) s[p][i] = packs[p][i];
      if (a.dropout.drops) dropout.drop(r * n + Layout::channel(p), s[p]);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        s[p][i] += residuals[p][i];
        total += s[p][i];
      }
    }
  }
  const float mean = block_sum<kWarps>(total) / static_cast<float>(n);
  float squares = 0;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const float d = Layout::channel(p) + i < n ? s[p][i] - mean : 0.0f;
      squares += d * d;
    }
  }
  const float variance = block_sum<kWarps>(squares) / static_cast<float>(n);
  const float rstd = 1.0f / sqrtf(variance + a.epsilon);
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int c = Layout::channel(p);
    if (a.sum) store_part(static_cast<T*>(a.sum) + r * n, c, n, a.x_aligned, s[p]);
    float gamma[kWidth], beta[kWidth];
    load_parameters(a.gamma, c, n, a.parameters_aligned, gamma);
    load_parameters(a.beta, c, n, a.parameters_aligned, beta);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) s[p][i] = (s[p][i] - mean) * rstd * gamma[i] + beta[i];
    store_part(static_cast<T*>(a.y) + r * n, c, n, a.x_aligned, s[p]);
  }
  if (Layout::channel(0) == 0) {
    a.mean[r] = mean;
    a.rstd[r] = rstd;
  }
}

/// Sums over the rows that the thread block has seen, of one thread of each row.
template <int kWidth, int kPacks>
struct NormGradSums {
  float gamma[kPacks][kWidth] = {}, beta[kPacks][kWidth] = {};
};

/// Leaves the sums of a thread block, of its warps in order if they hold different rows.
template <class T, int kWarps, int kPacks>
__device__ __forceinline__ void store_norm_sums(const NormGradSums<kPackSize<T>, kPacks>& sums,
                                                int n, float* part) {
  using Layout = NormLayout<T, kWarps, kPacks>;
  constexpr int kMostChannels = kPacks * 32 * Layout::kWidth;
  __shared__ float shared[Layout::kRows > 1 ? 2 * kMostChannels : 1];
  float* const to = Layout::kRows > 1 ? shared : part;
  const int of_beta = Layout::kRows > 1 ? kMostChannels : n;
#pragma unroll 1
  for (int turn = 0; turn < Layout::kRows; ++turn) {
    if (Layout::row() == turn) {
#pragma unroll
      for (int p = 0; p < kPacks; ++p) {
#pragma unroll
        for (int i = 0; i < Layout::kWidth; ++i) {
          const int c = Layout::channel(p) + i;
          if (c >= n) continue;
          to[c] = (turn == 0 ? 0.0f : to[c]) + sums.gamma[p][i];
          to[of_beta + c] = (turn == 0 ? 0.0f : to[of_beta + c]) + sums.beta[p][i];
        }
      }
    }
    __syncthreads();
  }
  if constexpr (Layout::kRows > 1) {
    for (int c = static_cast<int>(threadIdx.x); c < n; c += kNormThreads) {
      part[c] = shared[c];
      part[n + c] = shared[kMostChannels + c];
    }
  }
}

/// Thread blocks whose registers fit a multiprocessor: as many as rows of this length leave room
/// for.
template <class T, int kPacks>
inline constexpr int kNormGradBlocks = (kPackSize<T> * kPacks > 24)    ? 2
                                       : sizeof(T) == 4 && kPacks == 6 ? 3
                                                                       : 4;

template <class T, int kWarps, int kPacks>
__global__ void __launch_bounds__(kNormThreads, kNormGradBlocks<T, kPacks>)
    layer_norm_backward_kernel(const LayerNormGradRows a) {
  using Layout = NormLayout<T, kWarps, kPacks>;
  constexpr int kWidth = Layout::kWidth;
  const int n = a.channels;
  const ElementDropout dropout(a.dropout);
  NormGradSums<kWidth, kPacks> sums;
  for (std::int64_t r = std::int64_t{blockIdx.x} * Layout::kRows + Layout::row(); r < a.rows;
       r += std::int64_t{gridDim.x} * Layout::kRows) {
    Pack<T> x[kPacks], dy[kPacks];
    load_row<T, kWarps>(static_cast<const T*>(a.x) + r * n, n, a.x_aligned, x);
    load_row<T, kWarps>(static_cast<const T*>(a.dy) + r * n, n, a.x_aligned, dy);
    const float mean = a.mean[r], rstd = a.rstd[r];
    float sum_g = 0, sum_gx = 0;
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      float gamma[kWidth];
      load_parameters(a.gamma, Layout::channel(p), n, a.gamma_aligned, gamma);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const float x_hat = (x[p][i] - mean) * rstd, g = dy[p][i] * gamma[i];
        sum_g += g;
        sum_gx += g * x_hat;
        sums.gamma[p][i] += dy[p][i] * x_hat;
        sums.beta[p][i] += dy[p][i];
      }
    }
    if (!a.dx && !a.ddropped) continue;
    const float mean_g = block_sum<kWarps>(sum_g) / static_cast<float>(n);
    const float mean_gx = block_sum<kWarps>(sum_gx) / static_cast<float>(n);
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const int c = Layout::channel(p);
      float gamma[kWidth], dx[kWidth];
      load_parameters(a.gamma, c, n, a.gamma_aligned, gamma);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const float x_hat = (x[p][i] - mean) * rstd, g = dy[p][i] * gamma[i];
        dx[i] = rstd * (g - mean_g - x_hat * mean_gx);
      }
      if (a.dx) store_part(static_cast<T*>(a.dx) + r * n, c, n, a.x_aligned, dx);
      if (a.ddropped) {
        dropout.drop(r * n + c, dx);
        store_part(static_cast<T*>(a.ddropped) + r * n, c, n, a.x_aligned, dx);
      }
    }
  }
  if (a.parts) {
    store_norm_sums<T, kWarps, kPacks>(sums, n, a.parts + std::int64_t{blockIdx.x} * 2 * n);
  }
}

}  // namespace dnabird::kernels::cuda
