#include "kernels/cuda/ops/embedding.h"

#include <stdexcept>

#include "kernels/cuda/ops/column_sums.h"
#include "kernels/cuda/ops/elementwise.cuh"
#include "kernels/cuda/ops/segments.h"
#include "kernels/cuda/ops/sorted_rows.h"

namespace dnabird::kernels::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kPositionThreads = 128;

/// A warp for each row.
template <int kWidth, class T>
__global__ void __launch_bounds__(kThreads) embedding_forward_kernel(const EmbeddingArgs a) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  if (row >= a.batch * a.tokens) return;
  const float* word = static_cast<const float*>(a.word) + a.ids[row] * a.channels;
  const float* position = static_cast<const float*>(a.position) + row % a.tokens * a.channels;
  const float* type = static_cast<const float*>(a.token_type);
  T* y = static_cast<T*>(a.y) + row * a.channels;
#pragma unroll 2
  for (std::int64_t c = threadIdx.x % 32 * kWidth; c < a.channels; c += 32 * kWidth) {
    float sum[kWidth], of_position[kWidth], of_type[kWidth];
    load_elements(word + c, sum);
    load_elements(position + c, of_position);
    load_elements(type + c, of_type);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) sum[j] = sum[j] + of_position[j] + of_type[j];
    store_elements(y + c, sum);
  }
}

/// sums[t] = sum over b of dy[b,t], and the same added to dposition, where these are not null. A
/// thread block for each t.
template <int kWidth, class T>
__global__ void __launch_bounds__(kPositionThreads)
    position_gradient_kernel(const EmbeddingGrad a, float* sums) {
  const std::int64_t t = blockIdx.x, n = a.channels;
  for (std::int64_t c = threadIdx.x * kWidth; c < n; c += kPositionThreads * kWidth) {
    const T* dy = static_cast<const T*>(a.dy) + t * n + c;
    float sum[kWidth] = {};
#pragma unroll 4
    for (std::int64_t b = 0; b < a.batch; ++b) {
      if (t >= a.lengths[b]) continue;
      float value[kWidth];
      load_elements(dy + b * a.tokens * n, value);
#pragma unroll
      for (int j = 0; j < kWidth; ++j) sum[j] += value[j];
    }
    if (sums) store_elements(sums + t * n + c, sum);
    if (a.dposition) {
      float* const to = static_cast<float*>(a.dposition) + t * n + c;
      float before[kWidth];
      load_elements(to, before);
#pragma unroll
      for (int j = 0; j < kWidth; ++j) before[j] += sum[j];
      store_elements(to, before);
    }
  }
}

/// keys[row] = the id, or `vocabulary` for padding, which is sorted behind all words.
struct WordKeys {
  const std::int32_t *ids, *lengths;
  std::int32_t* keys;
  std::int64_t tokens;
  std::int32_t vocabulary;

  template <int kWidth>
  __device__ __forceinline__ void run(std::int64_t i) const {
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      const std::int64_t row = i + j;
      keys[row] = row % tokens < lengths[row / tokens] ? ids[row] : vocabulary;
    }
  }
};

/// Rows in the order of their words.
struct WordOrder {
  std::int64_t rows, channels;
  const std::int32_t *words, *sources;  // (rows)
  std::int32_t padding;                 // the word of rows that add nothing
};

template <int kWidth>
__device__ __forceinline__ void add_elements(float* to, const float (&from)[kWidth]) {
  float sum[kWidth];
  load_elements(to, sum);
#pragma unroll
  for (int j = 0; j < kWidth; ++j) sum[j] += from[j];
  store_elements(to, sum);
}

// Rows that a warp loads before it adds the first: as many loads are in flight.
constexpr int kRowsAhead = 4;

/// A warp for each chunk of the order and 32 * kWidth channels.
template <int kWidth, class T>
__global__ void __launch_bounds__(kThreads, 3)
    word_parts_kernel(const WordOrder order, const T* dy, float* dword, float* slots) {
  constexpr unsigned kAll = 0xFFFFFFFFU;
  const std::int64_t warp = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  const std::int64_t n = order.channels, across = (n + 32 * kWidth - 1) / (32 * kWidth);
  const int lane = static_cast<int>(threadIdx.x % 32);
  const std::int64_t chunk = warp / across, begin = chunk * kSegmentChunk;
  if (begin >= order.rows) return;
  const std::int64_t c = (warp % across * 32 + lane) * kWidth, left = order.rows - begin;
  SegmentChunk keys{};
  keys.count = left < kSegmentChunk ? static_cast<int>(left) : kSegmentChunk;
  const bool has_key = lane < keys.count;
  const std::int32_t word = has_key ? order.words[begin + lane] : order.padding;
  if (__shfl_sync(kAll, word, 0) == order.padding) return;
  const std::int32_t source = has_key ? order.sources[begin + lane] : 0;
  keys.ends = __ballot_sync(kAll, has_key && ends_segment(order.words, order.rows, begin + lane));
  keys.continues = begin > 0 && order.words[begin - 1] == order.words[begin];

  float sum[kWidth] = {};
  int part_begin = 0;
  for (int first = 0; first < keys.count; first += kRowsAhead) {
    // No branch around a load, which would wait for the one before: padding is read, but not used.
    float value[kRowsAhead][kWidth];
#pragma unroll
    for (int k = 0; k < kRowsAhead; ++k) {
      const std::int64_t row = __shfl_sync(kAll, source, first + k);
      load_elements(dy + row * n + (c < n ? c : 0), value[k]);
    }
#pragma unroll
    for (int k = 0; k < kRowsAhead; ++k) {
      const int i = first + k;
      if (i >= keys.count) break;
#pragma unroll
      for (int j = 0; j < kWidth; ++j) sum[j] += value[k][j];
      if (!keys.ends_part(i)) continue;
      const std::int32_t of_part = __shfl_sync(kAll, word, i);
      if (of_part != order.padding && c < n) {
        if (keys.is_whole(part_begin, i)) {
          add_elements(dword + of_part * n + c, sum);
        } else {
          store_elements(slots + part_slot(chunk, part_begin) * n + c, sum);
        }
      }
#pragma unroll
      for (int j = 0; j < kWidth; ++j) sum[j] = 0;
      part_begin = i + 1;
    }
  }
}

/// A thread block for each chunk and 32 * kWidth channels: if a segment that goes on begins there,
/// its warps take turns at the parts.
template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    divided_words_kernel(const WordOrder order, const float* slots, float* dword) {
  __shared__ float of_warp[kWarps][32 * kWidth];
  const std::int64_t n = order.channels, across = (n + 32 * kWidth - 1) / (32 * kWidth);
  const std::int64_t chunk = blockIdx.x / across;
  const DividedSegment segment = divided_segment(order.words, order.rows, chunk);
  if (!segment.exists || segment.key == order.padding) return;
  const int warp = static_cast<int>(threadIdx.x / 32), at = threadIdx.x % 32 * kWidth;
  const std::int64_t c = blockIdx.x % across * 32 * kWidth + at;
  float sum[kWidth] = {};
  if (c < n) {
    if (warp == 0) load_elements(slots + segment.first_slot * n + c, sum);
#pragma unroll 4
    for (std::int64_t part = chunk + 1 + warp; part <= segment.last_chunk; part += kWarps) {
      float value[kWidth];
      load_elements(slots + part_slot(part, 0) * n + c, value);
#pragma unroll
      for (int j = 0; j < kWidth; ++j) sum[j] += value[j];
    }
  }
#pragma unroll
  for (int j = 0; j < kWidth; ++j) of_warp[warp][at + j] = sum[j];
  __syncthreads();
  if (warp > 0 || c >= n) return;
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
#pragma unroll
    for (int w = 1; w < kWarps; ++w) sum[j] += of_warp[w][at + j];
  }
  add_elements(dword + segment.key * n + c, sum);
}

template <class T>
void word_gradient(const Context& context, const EmbeddingGrad& a) {
  const std::int64_t rows = a.batch * a.tokens, n = a.channels;
  if (a.vocabulary >= std::int64_t{1} << 31) {
    throw std::invalid_argument("embedding: the vocabulary is too large");
  }
  const std::int32_t padding = static_cast<std::int32_t>(a.vocabulary);
  const PoolBuffer<std::int32_t> keys(context.pool, static_cast<std::size_t>(rows));
  for_each_element<4>(context, rows, true,
                      WordKeys{a.ids, a.lengths, keys.data(), a.tokens, padding});
  const SortedRows sorted(context, rows, keys.data(), padding);
  const WordOrder order{rows, n, sorted.keys(), sorted.rows(), padding};
  const std::int64_t chunks = (rows + kSegmentChunk - 1) / kSegmentChunk;
  const PoolArray slots(context.pool, static_cast<std::size_t>(2 * chunks * n));
  const auto across = [n](std::int64_t width) { return (n + 32 * width - 1) / (32 * width); };

  constexpr int kWidth = kPackSize<T>;
  const bool in_packs = n % kWidth == 0 && are_aligned({a.dy, a.dword});
  launch(in_packs ? word_parts_kernel<kWidth, T> : word_parts_kernel<1, T>,
         {(chunks * across(in_packs ? kWidth : 1) + kWarps - 1) / kWarps, kThreads, 0},
         context.stream, order, static_cast<const T*>(a.dy), floats(a.dword), slots.data());
  const bool in_fours = n % 4 == 0 && are_aligned({a.dword});
  launch(in_fours ? divided_words_kernel<4> : divided_words_kernel<1>,
         {chunks * across(in_fours ? 4 : 1), kThreads, 0}, context.stream, order, slots.data(),
         floats(a.dword));
}

}  // namespace

template <class T>
void embedding_forward(const Context& context, const EmbeddingArgs& a) {
  constexpr int kWidth = kPackSize<T>;
  const bool in_packs =
      a.channels % kWidth == 0 && are_aligned({a.word, a.position, a.token_type, a.y});
  launch(in_packs ? embedding_forward_kernel<kWidth, T> : embedding_forward_kernel<1, T>,
         {(a.batch * a.tokens + kWarps - 1) / kWarps, kThreads, 0}, context.stream, a);
}

template <class T>
void embedding_backward(const Context& context, const EmbeddingGrad& a) {
  if (a.batch * a.tokens * a.channels == 0) return;
  if (a.dword) word_gradient<T>(context, a);
  if (!a.dposition && !a.dtoken_type) return;
  const bool wants_sums = a.dtoken_type != nullptr;
  const PoolArray sums(context.pool,
                       wants_sums ? static_cast<std::size_t>(a.tokens * a.channels) : 0);
  constexpr int kWidth = kPackSize<T>;
  const bool in_packs = a.channels % kWidth == 0 && are_aligned({a.dy, a.dposition});
  launch(in_packs ? position_gradient_kernel<kWidth, T> : position_gradient_kernel<1, T>,
         {a.tokens, kPositionThreads, 0}, context.stream, a, wants_sums ? sums.data() : nullptr);
  if (wants_sums) {
    column_sums(context, a.tokens, a.channels, sums.data(), floats(a.dtoken_type));
  }
}

template void embedding_forward<float>(const Context&, const EmbeddingArgs&);
template void embedding_forward<Bf16>(const Context&, const EmbeddingArgs&);
template void embedding_backward<float>(const Context&, const EmbeddingGrad&);
template void embedding_backward<Bf16>(const Context&, const EmbeddingGrad&);

}  // namespace dnabird::kernels::cuda
