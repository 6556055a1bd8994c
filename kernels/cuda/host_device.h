// The marks that let one source be compiled by nvcc for a device and by g++ for the host tests.
#pragma once

#if defined(__CUDACC__)
/// Index arithmetic and plain loops that both sides call.
#define DNABIRD_HD __host__ __device__ __forceinline__
/// Code of a warp or a thread block: on a device in a kernel, on the host under an emulated warp.
#define DNABIRD_DEVICE __device__ __forceinline__
#define DNABIRD_UNROLL _Pragma("unroll")
/// Unrolled by kChunkUnroll, a constant of the surrounding class.
#define DNABIRD_UNROLL_CHUNKS _Pragma("unroll kChunkUnroll")
#else
#define DNABIRD_HD inline
#define DNABIRD_DEVICE inline
#define DNABIRD_UNROLL
#define DNABIRD_UNROLL_CHUNKS
#endif
