#include "kernels/cuda/runtime/cublaslt_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace dnabird::kernels::cuda {

namespace {

std::string file_name() { return "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR); }

/// Where CUDA puts it and the loader may not look.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* value = std::getenv(variable)) all.push_back(value + std::string("/lib64"));
  }
  all.push_back("/usr/local/cuda/lib64");
  all.push_back("/usr/local/cuda-" + std::to_string(CUBLAS_VER_MAJOR) + "/lib64");
  return all;
}

void* open_library() {
  const std::string name = file_name();
  constexpr int kMode = RTLD_NOW | RTLD_LOCAL;
  if (void* library = dlopen(name.c_str(), kMode)) return library;
  std::string reason = dlerror(), places;
  for (const std::string& folder : folders()) {
    if (void* library = dlopen((folder + "/" + name).c_str(), kMode)) return library;
    places += ", " + folder;
  }
  throw std::invalid_argument("cuBLASLt is missing (" + reason +
                              "; looked in the loader's folders" + places +
                              "); install the CUDA runtime libraries, put their folder into "
                              "LD_LIBRARY_PATH, or run with --device cpu");
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) {
    throw std::invalid_argument(file_name() + " has no " + name +
                                "; install the CUDA runtime libraries that belong together, or "
                                "run with --device cpu");
  }
}

}  // namespace

CublasLtLibrary::CublasLtLibrary() {
  void* library = open_library();
  find(library, "cublasLtCreate", create);
  find(library, "cublasLtDestroy", destroy);
  find(library, "cublasLtGetStatusString", status_string);
  find(library, "cublasLtMatmul", matmul);
  find(library, "cublasLtMatrixLayoutCreate", layout_create);
  find(library, "cublasLtMatrixLayoutDestroy", layout_destroy);
  find(library, "cublasLtMatrixLayoutSetAttribute", layout_set);
  find(library, "cublasLtMatmulDescCreate", desc_create);
  find(library, "cublasLtMatmulDescDestroy", desc_destroy);
  find(library, "cublasLtMatmulDescSetAttribute", desc_set);
  find(library, "cublasLtMatmulPreferenceCreate", preference_create);
  find(library, "cublasLtMatmulPreferenceDestroy", preference_destroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", preference_set);
  find(library, "cublasLtMatmulAlgoGetHeuristic", heuristic);
  find(library, "cublasLtMatmulAlgoCheck", algo_check);
  find(library, "cublasLtMatmulAlgoConfigGetAttribute", algo_get);
}

}  // namespace dnabird::kernels::cuda
