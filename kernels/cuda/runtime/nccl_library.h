// NCCL, opened at run time. Its header is not part of the CUDA toolkit, and a build without it has
// to serve machines that have the library: the few types and functions used are declared here, in
// the binary interface that libnccl.so.2 keeps. nccl_library.cpp compares them with the header
// where there is one.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace dnabird::kernels::cuda {

using NcclComm = struct NcclCommunicator*;  // opaque
using NcclResult = int;
constexpr NcclResult kNcclSuccess = 0;
constexpr int kNcclFloat32 = 7;  // of ncclDataType_t
constexpr int kNcclSum = 0;      // of ncclRedOp_t

/// The functions of the library that are called here, under their names without nccl.
struct NcclLibrary {
  /// Opens version 2, which stays open until the process ends. Throws std::invalid_argument with a
  /// line for the user, where it looked and what to do, if it is not there.
  NcclLibrary();

  NcclResult (*comm_init_all)(NcclComm* communicators, int n, const int* devices);
  NcclResult (*comm_destroy)(NcclComm);
  NcclResult (*comm_abort)(NcclComm);
  NcclResult (*group_start)();
  NcclResult (*group_end)();
  NcclResult (*all_reduce)(const void* from, void* to, std::size_t n, int type, int operation,
                           NcclComm, cudaStream_t);
  const char* (*error_string)(NcclResult);
};

}  // namespace dnabird::kernels::cuda
