#include "kernels/cuda/runtime/shared_library.h"

#include <cuda_runtime.h>
#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>
#include <vector>

namespace dnabird::kernels::cuda {

namespace {

/// Where CUDA puts its libraries and the loader may not look.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* value = std::getenv(variable)) all.push_back(value + std::string("/lib64"));
  }
  all.push_back("/usr/local/cuda/lib64");
  all.push_back("/usr/local/cuda-" + std::to_string(CUDART_VERSION / 1000) + "/lib64");
  return all;
}

void* open_library(const LibraryName& name) {
  constexpr int kMode = RTLD_NOW | RTLD_LOCAL;
  if (void* library = dlopen(name.file.c_str(), kMode)) return library;
  std::string reason = dlerror(), places;
  for (const std::string& folder : folders()) {
    if (void* library = dlopen((folder + "/" + name.file).c_str(), kMode)) return library;
    places += ", " + folder;
  }
  throw std::invalid_argument(name.product + " is missing (" + reason +
                              "; looked in the loader's folders" + places + "); " + name.advice);
}

}  // namespace

SharedLibrary::SharedLibrary(LibraryName name)
    : name_(std::move(name)), library_(open_library(name_)) {}

void* SharedLibrary::address(const char* name) const {
  void* function = dlsym(library_, name);
  if (function != nullptr) return function;
  throw std::invalid_argument(name_.file + " has no " + name + "; " + name_.advice);
}

}  // namespace dnabird::kernels::cuda
