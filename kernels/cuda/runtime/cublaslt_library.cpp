#include "kernels/cuda/runtime/cublaslt_library.h"

#include <string>

#include "kernels/cuda/runtime/shared_library.h"

namespace dnabird::kernels::cuda {

CublasLtLibrary::CublasLtLibrary() {
  const SharedLibrary library({"cuBLASLt", "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR),
                               "install the CUDA runtime libraries, put their folder into "
                               "LD_LIBRARY_PATH, or run with --device cpu"});
  library.find("cublasLtCreate", create);
  library.find("cublasLtDestroy", destroy);
  library.find("cublasLtGetStatusString", status_string);
  library.find("cublasLtMatmul", matmul);
  library.find("cublasLtMatrixLayoutCreate", layout_create);
  library.find("cublasLtMatrixLayoutDestroy", layout_destroy);
  library.find("cublasLtMatrixLayoutSetAttribute", layout_set);
  library.find("cublasLtMatmulDescCreate", desc_create);
  library.find("cublasLtMatmulDescDestroy", desc_destroy);
  library.find("cublasLtMatmulDescSetAttribute", desc_set);
  library.find("cublasLtMatmulPreferenceCreate", preference_create);
  library.find("cublasLtMatmulPreferenceDestroy", preference_destroy);
  library.find("cublasLtMatmulPreferenceSetAttribute", preference_set);
  library.find("cublasLtMatmulAlgoGetHeuristic", heuristic);
  library.find("cublasLtMatmulAlgoCheck", algo_check);
  library.find("cublasLtMatmulAlgoConfigGetAttribute", algo_get);
}

}  // namespace dnabird::kernels::cuda
