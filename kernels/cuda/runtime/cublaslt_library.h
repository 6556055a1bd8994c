// cuBLASLt, opened at run time: a binary starts on machines that have no CUDA libraries.
#pragma once

#include <cublasLt.h>

namespace dnabird::kernels::cuda {

/// The functions of the library that are called here, under their names without cublasLt.
struct CublasLtLibrary {
  /// Opens the version that this was built with, which stays open until the process ends. Throws
  /// std::invalid_argument with a line for the user, where it looked and what to do, if it is not
  /// there.
  CublasLtLibrary();

  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmulAlgoCheck) algo_check;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) algo_get;
};

}  // namespace dnabird::kernels::cuda
