#include "kernels/cuda/runtime/cublaslt.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cuda/runtime/cublaslt_library.h"

namespace dnabird::kernels::cuda {

namespace {

// What NVIDIA recommends for Hopper and later; sums over rows are split in it.
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;
constexpr int kMostAlgorithms = 32;

void check(const CublasLtLibrary& library, cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error(std::string("cuBLASLt: ") + what + ": " + library.status_string(status));
}

/// An object of the library and the function that destroys it.
template <class Object>
class Owned {
 public:
  Owned(Object object, cublasStatus_t (*destroy)(Object)) : object_(object), destroy_(destroy) {}
  Owned(Owned&& other) noexcept : object_(other.object_), destroy_(other.destroy_) {
    other.object_ = nullptr;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (object_ != nullptr) destroy_(object_);
  }
  Object get() const { return object_; }

 private:
  Object object_;
  cublasStatus_t (*destroy_)(Object);
};

cudaDataType_t operand_type(const LinearProduct& p) {
  return p.dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}
/// Gradients of parameters are f32 whatever the activations are.
cudaDataType_t result_type(const LinearProduct& p) {
  return p.part == LinearPart::dw ? CUDA_R_32F : operand_type(p);
}

bool has_sum(const LinearProduct& p) { return p.keeps_sum || p.undoes_gelu; }

cublasLtEpilogue_t epilogue(const LinearProduct& p) {
  if (p.undoes_gelu) return CUBLASLT_EPILOGUE_DGELU;
  if (!p.has_gelu) return p.has_bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  if (p.keeps_sum) return p.has_bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
  return p.has_bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
}

Owned<cublasLtMatrixLayout_t> make_layout(const CublasLtLibrary& library, cudaDataType_t type,
                                          const ColumnMajor& matrix) {
  cublasLtMatrixLayout_t layout = nullptr;
  check(library,
        library.layout_create(&layout, type, static_cast<std::uint64_t>(matrix.rows),
                              static_cast<std::uint64_t>(matrix.columns), matrix.rows),
        "layout of a matrix");
  return {layout, library.layout_destroy};
}

template <class Value>
void set(const CublasLtLibrary& library, cublasLtMatmulDesc_t desc,
         cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check(library, library.desc_set(desc, attribute, &value, sizeof value), "property of a product");
}

Owned<cublasLtMatmulDesc_t> make_desc(const CublasLtLibrary& library, const LinearProduct& p,
                                      const LinearMatrices& shapes) {
  cublasLtMatmulDesc_t desc = nullptr;
  const auto compute = p.rounds ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  check(library, library.desc_create(&desc, compute, CUDA_R_32F), "product");
  Owned<cublasLtMatmulDesc_t> owned(desc, library.desc_destroy);
  set(library, desc, CUBLASLT_MATMUL_DESC_TRANSA, shapes.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(library, desc, CUBLASLT_MATMUL_DESC_TRANSB, shapes.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(library, desc, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue(p));
  if (has_sum(p)) set(library, desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, shapes.d.rows);
  return owned;
}

void set_arrays(const CublasLtLibrary& library, cublasLtMatmulDesc_t desc, const LinearProduct& p,
                const void* bias, void* sum) {
  if (p.has_bias) set(library, desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  if (has_sum(p)) set(library, desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, sum);
}

template <class Value>
void set(const CublasLtLibrary& library, cublasLtMatmulPreference_t preference,
         cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  check(library, library.preference_set(preference, attribute, &value, sizeof value),
        "preference among algorithms");
}

Owned<cublasLtMatmulPreference_t> make_preference(const CublasLtLibrary& library, bool may_split,
                                                  std::size_t workspace) {
  cublasLtMatmulPreference_t preference = nullptr;
  check(library, library.preference_create(&preference), "preference among algorithms");
  Owned<cublasLtMatmulPreference_t> owned(preference, library.preference_destroy);
  set(library, preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace});
  // Never in place, where the order of the parts is not in the documentation.
  const std::uint32_t schemes =
      may_split ? CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE : CUBLASLT_REDUCTION_SCHEME_NONE;
  set(library, preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, schemes);
  constexpr auto kAlignment = static_cast<std::uint32_t>(kProductAlignment);
  set(library, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kAlignment);
  set(library, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kAlignment);
  set(library, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kAlignment);
  set(library, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kAlignment);
  return owned;
}

}  // namespace

/// The descriptors of a product and its algorithm, if there is one.
class CublasLt::Plan {
 public:
  Plan(const CublasLtLibrary& library, void* handle, const LinearProduct& product)
      : library_(library),
        handle_(static_cast<cublasLtHandle_t>(handle)),
        product_(product),
        shapes_(matrices(product, rows_to_choose_for(product).front())),
        desc_(make_desc(library, product, shapes_)),
        a_(make_layout(library, operand_type(product), shapes_.a)),
        b_(make_layout(library, operand_type(product), shapes_.b)),
        d_(make_layout(library, result_type(product), shapes_.d)) {
    choose();
  }

  bool multiply(cudaStream_t stream, const LinearOperands& o, void* workspace) const {
    if (!algorithm_) return false;
    set_rows(o.rows);
    set_arrays(library_, desc_.get(), product_, o.bias, o.sum);
    const float alpha = 1, beta = o.c != nullptr ? 1 : 0;
    const cublasStatus_t status =
        library_.matmul(handle_, desc_.get(), &alpha, o.a, a_.get(), o.b, b_.get(), &beta,
                        o.c != nullptr ? o.c : o.d, d_.get(), o.d, d_.get(), &*algorithm_,
                        workspace, kWorkspaceBytes, stream);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) {
      return false;
    }
    check(library_, status, "product");
    return true;
  }

  /// A line for each algorithm that the library would take, and what speaks for it.
  std::string describe() const {
    std::string text;
    for (const std::size_t workspace : workspaces()) {
      for (const cublasLtMatmulHeuristicResult_t& result : candidates(workspace)) {
        const auto number = [&](cublasLtMatmulAlgoConfigAttributes_t attribute) {
          return std::to_string(property(result.algo, attribute, std::int32_t{-1}));
        };
        text += "algorithm " + number(CUBLASLT_ALGO_CONFIG_ID) + ", tile " +
                number(CUBLASLT_ALGO_CONFIG_TILE_ID) + ", stages " +
                number(CUBLASLT_ALGO_CONFIG_STAGES_ID) + ", parts " +
                number(CUBLASLT_ALGO_CONFIG_SPLITK_NUM) + ", reduction " +
                number(CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) + ", workspace " +
                std::to_string(result.workspaceSize) + " of " + std::to_string(workspace) +
                ", takes";
        for (const std::int64_t rows : {8192, 4097, 1024, 64, 1}) {
          if (takes(result.algo, rows, workspace)) text += " " + std::to_string(rows);
        }
        text += " rows\n";
      }
    }
    return text;
  }

 private:
  bool sums_over_rows() const { return product_.part == LinearPart::dw; }
  /// To ask with, one after the other: for y and dx without one, which sums cannot be split in,
  /// before others.
  std::vector<std::size_t> workspaces() const {
    if (sums_over_rows()) return {kWorkspaceBytes};
    return {0, kWorkspaceBytes};
  }

  void set_rows(std::int64_t rows) const {
    const LinearMatrices shapes = matrices(product_, rows);
    set_columns(a_, shapes.a);
    set_columns(b_, shapes.b);
    set_columns(d_, shapes.d);
  }
  void set_columns(const Owned<cublasLtMatrixLayout_t>& layout, const ColumnMajor& matrix) const {
    const auto columns = static_cast<std::uint64_t>(matrix.columns);
    check(library_,
          library_.layout_set(layout.get(), CUBLASLT_MATRIX_LAYOUT_COLS, &columns, sizeof columns),
          "number of rows");
  }

  std::vector<cublasLtMatmulHeuristicResult_t> candidates(std::size_t workspace) const {
    const auto preference = make_preference(library_, sums_over_rows(), workspace);
    // Only read as an address, for its alignment. NOLINTNEXTLINE(performance-no-int-to-ptr)
    void* const aligned = reinterpret_cast<void*>(kProductAlignment);
    set_arrays(library_, desc_.get(), product_, aligned, aligned);
    std::vector<cublasLtMatmulHeuristicResult_t> results(kMostAlgorithms);
    int found = 0;
    const cublasStatus_t status =
        library_.heuristic(handle_, desc_.get(), a_.get(), b_.get(), d_.get(), d_.get(),
                           preference.get(), kMostAlgorithms, results.data(), &found);
    results.resize(status == CUBLAS_STATUS_SUCCESS ? static_cast<std::size_t>(found) : 0);
    return results;
  }

  /// `unknown` where the library does not say.
  template <class Value>
  Value property(const cublasLtMatmulAlgo_t& algorithm,
                 cublasLtMatmulAlgoConfigAttributes_t attribute, Value unknown) const {
    Value value{};
    std::size_t written = 0;
    const cublasStatus_t status =
        library_.algo_get(&algorithm, attribute, &value, sizeof value, &written);
    return status == CUBLAS_STATUS_SUCCESS ? value : unknown;
  }
  bool splits_sums(const cublasLtMatmulHeuristicResult_t& result) const {
    constexpr std::uint32_t kNone = CUBLASLT_REDUCTION_SCHEME_NONE, kAny = kNone + 1;
    return property(result.algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, std::int32_t{2}) > 1 ||
           property(result.algo, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, kAny) != kNone;
  }
  /// Whether it takes that number of rows in no more than `workspace`.
  bool takes(const cublasLtMatmulAlgo_t& algorithm, std::int64_t rows,
             std::size_t workspace) const {
    set_rows(rows);
    cublasLtMatmulHeuristicResult_t result{};
    return library_.algo_check(handle_, desc_.get(), a_.get(), b_.get(), d_.get(), d_.get(),
                               &algorithm, &result) == CUBLAS_STATUS_SUCCESS &&
           result.workspaceSize <= workspace;
  }

  bool takes_all_rows(const cublasLtMatmulAlgo_t& algorithm, std::size_t workspace) const {
    const std::vector<std::int64_t> rows = rows_to_choose_for(product_);
    return std::all_of(rows.begin(), rows.end(),
                       [&](std::int64_t number) { return takes(algorithm, number, workspace); });
  }

  bool keeps_promise(const cublasLtMatmulHeuristicResult_t& result, std::size_t workspace) const {
    return result.state == CUBLAS_STATUS_SUCCESS && (sums_over_rows() || !splits_sums(result)) &&
           takes_all_rows(result.algo, workspace);
  }

  /// The first, that is the fastest as the library estimates, that keeps what this class promises.
  void choose() {
    for (const std::size_t workspace : workspaces()) {
      for (const cublasLtMatmulHeuristicResult_t& result : candidates(workspace)) {
        if (!keeps_promise(result, workspace)) continue;
        algorithm_ = result.algo;
        return;
      }
    }
  }

  const CublasLtLibrary& library_;
  cublasLtHandle_t handle_;
  LinearProduct product_;
  LinearMatrices shapes_;
  Owned<cublasLtMatmulDesc_t> desc_;
  Owned<cublasLtMatrixLayout_t> a_, b_, d_;
  std::optional<cublasLtMatmulAlgo_t> algorithm_;
};

CublasLt::CublasLt(MemoryPool& pool)
    : library_(std::make_unique<CublasLtLibrary>()), workspace_(pool, kWorkspaceBytes) {
  cublasLtHandle_t handle = nullptr;
  check(*library_, library_->create(&handle), "start");
  handle_ = handle;
}

CublasLt::~CublasLt() {
  plans_.clear();
  library_->destroy(static_cast<cublasLtHandle_t>(handle_));
}

const CublasLt::Plan& CublasLt::plan_for(const LinearProduct& product) {
  std::unique_ptr<Plan>& plan = plans_[product];
  if (!plan) plan = std::make_unique<Plan>(*library_, handle_, product);
  return *plan;
}

std::string CublasLt::describe(const LinearProduct& product) {
  return plan_for(product).describe();
}

bool CublasLt::multiply(cudaStream_t stream, const LinearProduct& product,
                        const LinearOperands& operands) {
  if (!is_aligned(product, operands)) return false;
  return plan_for(product).multiply(stream, operands, workspace_.data());
}

}  // namespace dnabird::kernels::cuda
