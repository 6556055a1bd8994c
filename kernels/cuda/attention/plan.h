// Which kernels take a call of block attention, and how much room they need. Plain C++.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/cuda/attention/view.h"

namespace dnabird::kernels::cuda {

/// kernels_plain.cu, kernels_sm80.cu, kernels_sm90.cu.
enum class AttentionKernels { plain, mma, wgmma };

/// What DNABIRD_CUDA_ATTENTION names, for tests; nothing where it is not set. Throws
/// std::invalid_argument if it is none of plain, mma and wgmma.
std::optional<AttentionKernels> asked_attention_kernels();

/// The kernels for tiles on a device: `asked`, or the fastest that it runs; sm_90a code runs on 9.0
/// alone. `capability` is 10 * major + minor, 80 or more. Throws std::invalid_argument if the
/// device does not run what is asked for.
AttentionKernels tile_kernels(std::optional<AttentionKernels> asked, int capability);

/// A call, as far as it decides about kernels.
struct AttentionCase {
  ElementType type;
  std::int64_t block_size, head_size;
  double scale;
  bool aligned;  // every array to 16 bytes
};

/// `tiles` where these take the case, plain kernels elsewhere. Throws std::invalid_argument for
/// heads that no kernel takes.
AttentionKernels choose_attention_kernels(const AttentionCase& c, AttentionKernels tiles);

/// The schedule that kernels take: whole rows of the pattern's blocks for the plain ones, blocks of
/// kBlock, split where they are long, for the others. Throws what compile_schedule throws.
Schedule schedule_for(AttentionKernels kernels, const BlockPatternView& pattern, Side side);

/// Floats of partial results that a pass needs.
std::int64_t partial_floats(AttentionPass pass, const AttentionView& a);

}  // namespace dnabird::kernels::cuda
