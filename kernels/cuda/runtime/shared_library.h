// Libraries of CUDA, opened at run time: a binary starts on machines that have none of them.
#pragma once

#include <string>

namespace dnabird::kernels::cuda {

struct LibraryName {
  std::string product;  // "cuBLASLt"
  std::string file;     // "libcublasLt.so.13"
  std::string advice;   // what to do where it is missing: "install ..., or run with ..."
};

/// An open library, which stays open until the process ends.
class SharedLibrary {
 public:
  /// Throws std::invalid_argument with a line for the user, where it looked and the advice, if it
  /// is not there.
  explicit SharedLibrary(LibraryName name);

  /// The function that the library calls `name`. Throws std::invalid_argument if it has none.
  template <class Function>
  void find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(address(name));
  }

 private:
  void* address(const char* name) const;

  LibraryName name_;
  void* library_;
};

}  // namespace dnabird::kernels::cuda
