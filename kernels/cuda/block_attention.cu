#include "kernels/cuda/block_attention.h"

#include <new>

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/launch.cuh"

namespace dnabird::kernels::cuda {

namespace {

constexpr std::int64_t kAlignment = 256;

template <class T>
std::int64_t bytes_of(const std::vector<T>& values) {
  const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(T));
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
std::int64_t bytes_of(const Schedule& s) {
  return bytes_of(s.items) + bytes_of(s.units) + bytes_of(s.splits);
}

template <class T>
const T* place_array(const std::vector<T>& values, char* memory, std::int64_t& used) {
  char* to = memory + used;
  if (!values.empty()) {
    check(cudaMemcpy(to, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
          "copy of a schedule");
  }
  used += bytes_of(values);
  return reinterpret_cast<const T*>(to);
}

/// What forward and backward have in common. Args is BlockAttentionArgs or BlockAttentionGrad.
template <class Args>
AttentionView view_of(const Args& args, const ScheduleView& schedule, const AttentionRoom& room) {
  if (!(args.scale > 0)) throw std::invalid_argument("block attention: the scale must be positive");
  AttentionView a{};
  a.batch = static_cast<std::int32_t>(args.batch);
  a.tokens = static_cast<std::int32_t>(args.tokens);
  a.heads = static_cast<std::int32_t>(args.heads);
  a.block_size = static_cast<std::int32_t>(args.pattern.block_size);
  a.head_size = static_cast<std::int32_t>(args.head_size);
  a.scale = static_cast<float>(args.scale);
  a.schedule = schedule;
  a.lengths = args.lengths;
  a.qkv = args.qkv;
  a.partials = room.partials;
  a.delta = room.delta;
  return a;
}

template <class Args>
bool is_empty(const Args& args) {
  return args.batch * args.tokens * args.heads * args.head_size == 0;
}

void run_pass(AttentionPass pass, const AttentionSchedules& schedules, ElementType type,
              const AttentionView& a, cudaStream_t stream) {
  switch (schedules.kernels()) {
    case AttentionKernels::plain:
      return launch_attention_plain(pass, type, a, stream);
    case AttentionKernels::mma:
      return launch_attention_mma(pass, a.head_size, a, stream);
    case AttentionKernels::wgmma:
      return launch_attention_wgmma(pass, a.head_size, a, stream);
  }
}

}  // namespace

AttentionSchedules::AttentionSchedules(const BlockPatternView& pattern, AttentionKernels kernels)
    : kernels_(kernels) {
  const Schedule rows = compile_schedule(pattern, Side::rows, split_rule_of(kernels));
  const Schedule columns = compile_schedule(pattern, Side::columns, split_rule_of(kernels));
  const std::int64_t bytes = bytes_of(rows) + bytes_of(columns);
  if (bytes > 0 && cudaMalloc(&memory_, static_cast<std::size_t>(bytes)) != cudaSuccess) {
    cudaGetLastError();
    throw std::bad_alloc();
  }
  try {
    rows_ = place(rows, pattern.heads);
    columns_ = place(columns, pattern.heads);
  } catch (...) {
    cudaFree(memory_);
    throw;
  }
}

AttentionSchedules::~AttentionSchedules() { cudaFree(memory_); }

ScheduleView AttentionSchedules::place(const Schedule& s, std::int64_t pattern_heads) {
  ScheduleView view{};
  view.items = place_array(s.items, memory_, used_);
  view.units = place_array(s.units, memory_, used_);
  view.splits = place_array(s.splits, memory_, used_);
  view.unit_count = static_cast<std::int32_t>(s.units.size());
  view.split_count = static_cast<std::int32_t>(s.splits.size());
  view.slots = s.slots;
  view.pattern_heads = static_cast<std::int32_t>(pattern_heads);
  return view;
}

void block_attention_forward(const BlockAttentionArgs& args, ElementType type,
                             const AttentionSchedules& schedules, const AttentionRoom& room,
                             cudaStream_t stream) {
  if (is_empty(args)) return;
  AttentionView a = view_of(args, schedules.rows(), room);
  a.out = args.out;
  a.log_sum_exp = static_cast<float*>(args.log_sum_exp);
  run_pass(AttentionPass::forward, schedules, type, a, stream);
}

void block_attention_backward(const BlockAttentionGrad& args, ElementType type,
                              const AttentionSchedules& schedules, const AttentionRoom& room,
                              cudaStream_t stream) {
  if (is_empty(args)) return;
  AttentionView a = view_of(args, schedules.rows(), room);
  // Backward only reads these two.
  a.out = const_cast<void*>(args.out);
  a.log_sum_exp = static_cast<float*>(const_cast<void*>(args.log_sum_exp));
  a.dout = args.dout;
  a.dqkv = args.dqkv;
  run_pass(AttentionPass::query_gradient, schedules, type, a, stream);
  a.schedule = schedules.columns();
  run_pass(AttentionPass::key_gradient, schedules, type, a, stream);
}

}  // namespace dnabird::kernels::cuda
