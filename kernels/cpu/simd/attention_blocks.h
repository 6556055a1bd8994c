// What both directions of block attention share: packing blocks, and reading a list of blocks.
#pragma once

#include "kernels/cpu/simd/attention_tiles.h"

namespace dnabird::kernels::cpu::DNABIRD_TIER {

/// A (tokens, head_size) matrix of a head, `stride` elements between tokens.
template <class Form>
struct HeadMatrix {
  const typename Form::Element* data;
  std::int64_t stride;

  HeadMatrix(const void* first, std::int64_t between)
      : data(static_cast<const typename Form::Element*>(first)), stride(between) {}
  const typename Form::Element* token(std::int64_t t) const { return data + t * stride; }
};

/// Packs the used tokens of block b as they are: words go through tokens. A vector of channels has
/// `to_vector` floats.
template <class Form>
inline void pack_rows_of_block(const HeadShape& s, const HeadMatrix<Form>& from, std::int64_t b,
                               float* to, std::int64_t to_vector) {
  const std::int64_t tokens = s.used_tokens(b);
  for (std::int64_t d = 0; d < s.head_size; d += kLanes, to += to_vector) {
    const std::int64_t left = s.head_size - d;
    float* word = to;
    if constexpr (Form::kPair == 1) {
      for (std::int64_t t = 0; t < tokens; ++t, word += kLanes) {
        store(word, Form::words(from.token(b * s.block_size + t) + d, left));
      }
    } else {
      for (std::int64_t t = 0; t < tokens; t += 2, word += kLanes) {
        const auto* lower = from.token(b * s.block_size + t) + d;
        store(word, Form::interleave(load_first<HalfVec>(lower, left),
                                     t + 1 < tokens ? load_first<HalfVec>(lower + from.stride, left)
                                                    : HalfVec{}));
      }
    }
  }
}

/// Packs the transpose of the used tokens of block b: words go through channels. `to` is the
/// head's.
template <class Form>
inline void pack_transposed_block(const HeadShape& s, const HeadMatrix<Form>& from, std::int64_t b,
                                  float* to) {
  const std::int64_t tokens = s.used_tokens(b), words = s.words(s.head_size);
  to += b * s.vectors(s.block_size) * s.transposed_vector();
  for (std::int64_t t = 0; t < tokens; t += kLanes, to += s.transposed_vector()) {
    const std::int64_t count = tokens - t < kLanes ? tokens - t : kLanes;
    for (std::int64_t w = 0; w < words; w += kLanes) {
      Vec v[kLanes] = {};
      for (std::int64_t l = 0; l < count; ++l) {
        v[l] = Form::words(from.token(b * s.block_size + t + l) + w * Form::kPair, words - w);
      }
      transpose(v);
      const std::int64_t depth = words - w < kLanes ? words - w : kLanes;
      for (std::int64_t k = 0; k < depth; ++k) store(to + (w + k) * kLanes, v[k]);
    }
  }
}

/// The tokens of a block as the left side of a product; what has to be converted goes to `scratch`
/// (S, head_size).
template <class Form>
inline RowWords left_side(const HeadShape& s, const HeadMatrix<Form>& from, std::int64_t block,
                          float* scratch) {
  const auto* first = from.token(block * s.block_size);
  if constexpr (sizeof(typename Form::Element) * Form::kPair == sizeof(float)) {
    return {reinterpret_cast<const float*>(first), from.stride / Form::kPair};
  } else {
    for (std::int64_t i = 0; i < s.used_tokens(block); ++i) {
      for (std::int64_t d = 0; d < s.head_size; d += kLanes) {
        store_first(scratch + i * s.head_size + d,
                    Form::values(first + i * from.stride + d, s.head_size - d), s.head_size - d);
      }
    }
    return {scratch, s.head_size};
  }
}

constexpr std::int64_t kMostVectors = 512 / kLanes;

/// Keys that are read at once: vectors of a tile of scores, of whichever blocks. Those of a block
/// with less than a whole vector of keys end in lanes that are none.
struct KeyBatch {
  std::int64_t vectors = 0, stretches = 0;
  std::int64_t transposed[kMostVectors];  // number of the vector in the head, transposed
  std::int32_t keys[kMostVectors];        // 1 to kLanes
  float bias[kMostVectors];               // log2 of the multiplicity
  Stretch stretch[kMostVectors];          // neighbours, as the depth of a product
  bool whole = true, biased = false;      // every vector has kLanes keys; any bias is not 0
};

/// Goes through a list of blocks up to the padding, in batches of about the same size.
template <class Form>
class KeyBatches {
 public:
  KeyBatches(const HeadShape& shape, const BlockLists& lists, std::int64_t block)
      : shape_(shape), lists_(lists), at_(lists.begin[block]), end_(lists.begin[block + 1]) {
    std::int64_t vectors = 0;
    for (std::int32_t n = at_; n < end_; ++n) {
      vectors += shape.vectors(shape.used_tokens(lists.block[n]));
    }
    left_ = vectors;
    const std::int64_t batches = (vectors + shape.most_vectors - 1) / shape.most_vectors;
    size_ = batches > 1 ? (vectors + batches - 1) / batches : vectors;
    if (size_ < shape.most_vectors) size_ += size_ % 2;
  }

  /// The next batch; false at the end.
  bool next(KeyBatch& batch) {
    if (left_ == 0) return false;
    batch.vectors = batch.stretches = 0;
    batch.whole = true;
    batch.biased = false;
    while (batch.vectors < size_ && left_ > 0) add(batch);
    return true;
  }

 private:
  /// Adds the next vector.
  void add(KeyBatch& batch) {
    const std::int64_t block = lists_.block[at_], tokens = shape_.used_tokens(block);
    const std::int32_t multiplicity = lists_.multiplicity[at_];
    const std::int64_t first = block * shape_.block_size + within_ * kLanes;
    const std::int64_t rest = tokens - within_ * kLanes, keys = rest < kLanes ? rest : kLanes;
    const std::int64_t v = batch.vectors++;
    --left_;
    batch.transposed[v] = block * shape_.vectors(shape_.block_size) + within_;
    batch.keys[v] = static_cast<std::int32_t>(keys);
    batch.bias[v] = multiplicity == 1 ? 0.0f : __builtin_log2f(static_cast<float>(multiplicity));
    batch.whole = batch.whole && keys == kLanes;
    batch.biased = batch.biased || multiplicity != 1;
    const Stretch next{v * kLanes / Form::kPair, first / Form::kPair,
                       (keys + Form::kPair - 1) / Form::kPair};
    Stretch* last = batch.stretches > 0 ? &batch.stretch[batch.stretches - 1] : nullptr;
    if (last && last->left + last->depth == next.left && last->right + last->depth == next.right) {
      last->depth += next.depth;
    } else {
      batch.stretch[batch.stretches++] = next;
    }
    ++within_;
    while (at_ < end_ && within_ * kLanes >= shape_.used_tokens(lists_.block[at_])) {
      ++at_;
      within_ = 0;
    }
  }

  const HeadShape& shape_;
  BlockLists lists_;
  std::int32_t at_, end_;
  std::int64_t within_ = 0, left_ = 0, size_ = 0;
};

/// Where the vectors of a batch begin in the head's transposed keys or values.
inline void point_at(const HeadShape& s, const KeyBatch& batch, const float* transposed,
                     const float** vectors) {
  for (std::int64_t v = 0; v < batch.vectors; ++v) {
    vectors[v] = transposed + batch.transposed[v] * s.transposed_vector();
  }
}

}  // namespace dnabird::kernels::cpu::DNABIRD_TIER
