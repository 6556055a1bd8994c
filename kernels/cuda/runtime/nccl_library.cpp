#include "kernels/cuda/runtime/nccl_library.h"

#if __has_include(<nccl.h>)
#include <nccl.h>
#endif

#include <type_traits>

#include "kernels/cuda/runtime/shared_library.h"

namespace dnabird::kernels::cuda {

#if defined(NCCL_MAJOR)
static_assert(NCCL_MAJOR == 2 && ncclSuccess == kNcclSuccess && ncclFloat32 == kNcclFloat32 &&
              ncclSum == kNcclSum);
static_assert(sizeof(ncclResult_t) == sizeof(NcclResult) && sizeof(ncclDataType_t) == sizeof(int) &&
              sizeof(ncclRedOp_t) == sizeof(int) && sizeof(ncclComm_t) == sizeof(NcclComm));
static_assert(
    std::is_same_v<decltype(&ncclCommInitAll), ncclResult_t (*)(ncclComm_t*, int, const int*)>);
static_assert(std::is_same_v<decltype(&ncclCommDestroy), ncclResult_t (*)(ncclComm_t)>);
static_assert(std::is_same_v<decltype(&ncclCommAbort), ncclResult_t (*)(ncclComm_t)>);
static_assert(std::is_same_v<decltype(&ncclGroupStart), ncclResult_t (*)()>);
static_assert(std::is_same_v<decltype(&ncclGroupEnd), ncclResult_t (*)()>);
static_assert(std::is_same_v<decltype(&ncclAllReduce),
                             ncclResult_t (*)(const void*, void*, std::size_t, ncclDataType_t,
                                              ncclRedOp_t, ncclComm_t, cudaStream_t)>);
static_assert(std::is_same_v<decltype(&ncclGetErrorString), const char* (*)(ncclResult_t)>);
#endif

NcclLibrary::NcclLibrary() {
  const SharedLibrary library({"NCCL, which several GPUs need,", "libnccl.so.2",
                               "install it (libnccl2), put its folder into LD_LIBRARY_PATH, or run "
                               "on one device"});
  library.find("ncclCommInitAll", comm_init_all);
  library.find("ncclCommDestroy", comm_destroy);
  library.find("ncclCommAbort", comm_abort);
  library.find("ncclGroupStart", group_start);
  library.find("ncclGroupEnd", group_end);
  library.find("ncclAllReduce", all_reduce);
  library.find("ncclGetErrorString", error_string);
}

}  // namespace dnabird::kernels::cuda
