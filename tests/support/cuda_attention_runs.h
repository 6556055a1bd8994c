// The passes of the CUDA kernels of block attention, run by emulated warps.
#pragma once

#include "kernels/cuda/attention/forward_hopper.h"
#include "kernels/cuda/attention/key_gradient_hopper.h"
#include "kernels/cuda/attention/plain.h"
#include "kernels/cuda/attention/query_gradient_hopper.h"
#include "support/cuda_attention_case.h"
#include "support/cuda_host_hopper.h"

namespace dnabird::test {

template <class Unit>
std::int64_t run_units(const kernels::cuda::AttentionView& a) {
  const auto places = static_cast<std::uint32_t>(kernels::cuda::places_per_unit(a));
  std::int64_t faults = 0;
  for (std::uint32_t i = 0; i < a.schedule.unit_count * places; ++i) {
    HostCta<4> cta(Unit::kSharedBytes);
    Unit::run(cta, a, i);
    faults += cta.faults();
  }
  return faults;
}

/// forward, query_gradient and key_gradient run the units of a view and return their faults.
template <int kHead, class Forward, class QueryGradient, class KeyGradient>
AttentionResult run_passes(const AttentionInputs& in, const Forward& forward,
                           const QueryGradient& query_gradient, const KeyGradient& key_gradient) {
  using namespace kernels::cuda;
  AttentionBuffers<std::uint16_t> buffers(in);
  const SplitRule rule{16, in.c.forced_parts};
  const Schedule rows = compile_tile_schedule(in.pattern.view(), Side::rows, rule);
  const Schedule columns = compile_tile_schedule(in.pattern.view(), Side::columns, rule);
  AttentionView a = buffers.view(rows, kBlock, forward_partial_size(kBlock, kHead));
  std::int64_t faults = forward(a);
  for_each_split<kHead>(
      a, [&](std::uint32_t i, int t) { combine_forward<kHead>(a, i, t, store_pair); });
  a = buffers.view(rows, kBlock, query_partial_size(kBlock, kHead));
  faults += query_gradient(a);
  for_each_split<kHead>(a, [&](std::uint32_t i, int t) {
    combine_gradients<kHead>(a, i, t, query_part<kHead>(a), store_pair);
  });
  a = buffers.view(columns, kBlock, key_partial_size(kBlock, kHead));
  faults += key_gradient(a);
  for_each_split<kHead>(a, [&](std::uint32_t i, int t) {
    combine_gradients<kHead>(a, i, t, key_part<kHead>(a), store_pair);
    combine_gradients<kHead>(a, i, t, value_part<kHead>(), store_pair);
  });
  AttentionResult r = buffers.result();
  r.faults = faults;
  return r;
}

template <int kHead>
AttentionResult run_mma(const AttentionInputs& in) {
  using namespace kernels::cuda;
  return run_passes<kHead>(in, run_units<ForwardUnit<HostCta<4>, kHead>>,
                           run_units<QueryGradientUnit<HostCta<4>, kHead>>,
                           run_units<KeyGradientUnit<HostCta<4>, kHead>>);
}

inline AttentionResult run_mma(const AttentionInputs& in) {
  if (in.head_size == 32) return run_mma<32>(in);
  if (in.head_size == 64) return run_mma<64>(in);
  return run_mma<128>(in);
}

/// How the emulated device runs: thread blocks that share the units, and their producers.
struct HopperRun {
  ProducerMood mood;
  std::uint32_t blocks;
};

template <class Unit>
std::int64_t run_hopper_units(const kernels::cuda::AttentionView& a, const HopperRun& run) {
  const auto places = static_cast<std::uint32_t>(kernels::cuda::places_per_unit(a));
  const HostHopperMaps maps{{a.qkv, kernels::cuda::qkv_tensor(a)},
                            {a.out, kernels::cuda::out_tensor(a)},
                            {a.dout, kernels::cuda::out_tensor(a)}};
  std::int64_t faults = 0;
  for (std::uint32_t block = 0; block < run.blocks; ++block) {
    HostHopperCta cta(Unit::kSharedBytes, run.mood);
    Unit::run(cta, a, maps, {block, run.blocks, a.schedule.unit_count * places});
    faults += cta.faults();
  }
  return faults;
}

template <int kHead>
AttentionResult run_hopper(const AttentionInputs& in, const HopperRun& run) {
  using namespace kernels::cuda;
  using Cta = HostHopperCta;
  return run_passes<kHead>(
      in,
      [&](const AttentionView& a) { return run_hopper_units<HopperForward<Cta, kHead>>(a, run); },
      [&](const AttentionView& a) {
        return run_hopper_units<HopperQueryGradient<Cta, kHead>>(a, run);
      },
      [&](const AttentionView& a) {
        return run_hopper_units<HopperKeyGradient<Cta, kHead>>(a, run);
      });
}

inline AttentionResult run_hopper(const AttentionInputs& in, const HopperRun& run) {
  if (in.head_size == 32) return run_hopper<32>(in, run);
  if (in.head_size == 64) return run_hopper<64>(in, run);
  return run_hopper<128>(in, run);
}

/// T is float or std::uint16_t (bf16), Element what the kernels call it.
template <class T, class Element>
AttentionResult run_plain(const AttentionInputs& in) {
  using namespace kernels::cuda;
  AttentionBuffers<T> buffers(in);
  const SplitRule whole{16, 1};
  const Schedule rows = compile_schedule(in.pattern.view(), Side::rows, whole);
  const Schedule columns = compile_schedule(in.pattern.view(), Side::columns, whole);
  HostSharedMemory none(16);
  const auto each_row = [&](const AttentionView& a, const auto& pass) {
    const std::uint32_t groups = (a.block_size + kPlainWarps - 1) / kPlainWarps;
    const std::uint32_t blocks = a.schedule.unit_count * places_per_unit(a) * groups;
    for (std::uint32_t index = 0; index < blocks; ++index) {
      for (std::uint32_t w = 0; w < kPlainWarps; ++w) {
        HostWarp warp(none, w);
        pass(PlainAttention<HostWarp, Element>{warp, a}, index);
      }
    }
  };
  const AttentionView by_row = buffers.view(rows, in.pattern.block_size, 0);
  each_row(by_row, [](auto plain, std::uint32_t index) { plain.forward(index); });
  each_row(by_row, [](auto plain, std::uint32_t index) { plain.query_gradient(index); });
  each_row(buffers.view(columns, in.pattern.block_size, 0),
           [](auto plain, std::uint32_t index) { plain.key_gradient(index); });
  return buffers.result();
}

}  // namespace dnabird::test
