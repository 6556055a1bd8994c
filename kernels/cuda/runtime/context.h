// What the ops of one CUDA device share. All work goes to one stream, in the order of the calls, so
// memory that is released may be given out again at once: what comes later on the stream is later.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/memory_pool.h"

namespace dnabird::kernels::cuda {

class CublasLt;
class Bf16Weights;
class Capture;
class PatternSchedules;

struct Context {
  cudaStream_t stream;
  MemoryPool& pool;  // device memory
  int capability;    // 10 * major + minor
  int multiprocessors;
  CublasLt& products;
  Bf16Weights& weights;         // parameters rounded to bf16
  PatternSchedules& schedules;  // of block attention
  Capture& capture;             // of the stream, if one is going on
  bool rounds_f32;              // products of f32 may round their operands to TF32
};

inline const float* floats(const void* memory) { return static_cast<const float*>(memory); }
inline float* floats(void* memory) { return static_cast<float*>(memory); }

}  // namespace dnabird::kernels::cuda
