#include "kernels/cuda/runtime/pattern_schedules.h"

#include <cstring>
#include <vector>

#include "kernels/cuda/runtime/capture.h"
#include "kernels/cuda/runtime/check.h"

namespace dnabird::kernels::cuda {

namespace {

// Twelve layers of 65,536 tokens in blocks of 64 take 40 MiB.
constexpr std::size_t kMostBytes = std::size_t{256} << 20U;
constexpr std::size_t kAlignment = 256;

template <class T>
std::size_t bytes_of(const std::vector<T>& values) {
  return (values.size() * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
}
std::size_t bytes_of(const Schedule& s) {
  return bytes_of(s.items) + bytes_of(s.granules) + bytes_of(s.units) + bytes_of(s.splits);
}

/// Arrays side by side on the host as they will lie on the device, where one copy brings them.
class Staging {
 public:
  Staging(std::size_t bytes, std::byte* device) : host_(bytes), device_(device) {}

  ScheduleView add(const Schedule& s) {
    ScheduleView view{};
    view.items = add(s.items);
    view.granules = s.granules.empty() ? nullptr : add(s.granules);
    view.units = add(s.units);
    view.splits = add(s.splits);
    view.unit_count = static_cast<std::int32_t>(s.units.size());
    view.split_count = static_cast<std::int32_t>(s.splits.size());
    view.slots = s.slots;
    view.pattern_heads = s.pattern_heads;
    return view;
  }
  void copy(cudaStream_t stream) const {
    if (host_.empty()) return;
    // Returns when the runtime has taken pageable memory over.
    check(cudaMemcpyAsync(device_, host_.data(), host_.size(), cudaMemcpyHostToDevice, stream),
          "copy of a schedule");
  }

 private:
  template <class T>
  const T* add(const std::vector<T>& values) {
    std::byte* to = device_ + used_;
    if (!values.empty()) {
      std::memcpy(host_.data() + used_, values.data(), values.size() * sizeof(T));
    }
    used_ += bytes_of(values);
    return reinterpret_cast<const T*>(to);
  }

  std::vector<std::byte> host_;
  std::byte* device_;
  std::size_t used_ = 0;
};

}  // namespace

AttentionSchedules::AttentionSchedules(MemoryPool& pool, cudaStream_t stream, const Schedule& rows,
                                       const Schedule& columns)
    : memory_(pool, bytes_of(rows) + bytes_of(columns)) {
  Staging staging(bytes_of(rows) + bytes_of(columns), memory_.data());
  rows_ = staging.add(rows);
  columns_ = staging.add(columns);
  staging.copy(stream);
}

PatternSchedules::PatternSchedules(MemoryPool& pool)
    : pool_(pool), asked_(asked_attention_kernels()), kept_(kMostBytes) {}

std::shared_ptr<const AttentionSchedules> PatternSchedules::get(const Context& context,
                                                                const BlockPatternView& pattern,
                                                                AttentionKernels kernels) {
  const Key key{pattern.id, kernels};
  if (pattern.id != 0) {
    if (const auto* kept = kept_.find(key)) {
      context.capture.keep(*kept);
      return *kept;
    }
  }
  context.capture.refuse("a pattern of attention that has not been compiled before");
  const Schedule rows = schedule_for(kernels, pattern, Side::rows);
  const Schedule columns = schedule_for(kernels, pattern, Side::columns);
  auto schedules = std::make_shared<const AttentionSchedules>(pool_, context.stream, rows, columns);
  if (pattern.id != 0) kept_.insert(key, schedules, bytes_of(rows) + bytes_of(columns));
  return schedules;
}

}  // namespace dnabird::kernels::cuda
