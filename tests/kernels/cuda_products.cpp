// On a device: cuBLASLt takes every product of an encoder, and a row has the same bytes among any
// number of rows. Prints what was asked; exit 77 (skipped) where there is no device.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/cublaslt.h"
#include "support/random_values.h"

namespace {

using namespace dnabird::kernels;
using namespace dnabird::kernels::cuda;

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), "allocation");
  return memory;
}
void release(void* memory) { cudaFree(memory); }

std::size_t element_bytes(const LinearProduct& p) { return p.dtype == DType::bf16 ? 2 : 4; }

/// Numbers without a pattern that a tile could have, in the product's type.
class Array {
 public:
  Array(MemoryPool& pool, const LinearProduct& p, std::int64_t elements)
      : memory_(pool, elements * element_bytes(p)) {
    static const std::vector<double> numbers = dnabird::test::RandomValues(5).normals(65521);
    std::vector<std::byte> host(elements * element_bytes(p));
    for (std::int64_t i = 0; i < elements; ++i) {
      const auto value = static_cast<float>(numbers[i % numbers.size()]);
      Bf16 rounded;
      assign(rounded, value);
      const void* from = p.dtype == DType::bf16 ? static_cast<const void*>(&rounded) : &value;
      std::memcpy(host.data() + i * element_bytes(p), from, element_bytes(p));
    }
    check(cudaMemcpy(memory_.data(), host.data(), host.size(), cudaMemcpyHostToDevice), "copy in");
  }
  void* data() const { return memory_.data(); }

 private:
  PoolBuffer<std::byte> memory_;
};

/// The arrays of a product with any number of rows up to `most`.
struct Arrays {
  Arrays(MemoryPool& pool, const LinearProduct& p, std::int64_t most)
      : weight(pool, p, p.in * p.out),
        x(pool, p, most * p.in),
        dy(pool, p, most * p.out),
        bias(pool, p, p.out),
        // dw holds floats.
        result(pool, p, std::max(most * std::max(p.in, p.out), 2 * p.in * p.out)),
        sum(pool, p, most * std::max(p.in, p.out)) {}

  LinearOperands operands(const LinearProduct& p, std::int64_t rows) const {
    LinearOperands o{rows, weight.data(), dy.data(), nullptr, result.data()};
    if (p.part == LinearPart::y) o.b = x.data();
    if (p.part == LinearPart::dw) {
      o.a = x.data();
      o.c = result.data();
    }
    if (p.has_bias) o.bias = bias.data();
    if (p.keeps_sum || p.undoes_gelu) o.sum = sum.data();
    return o;
  }

  Array weight, x, dy, bias, result, sum;
};

/// How many of the calls went wrong.
int try_product(CublasLt& products, MemoryPool& pool, LinearProduct p, const std::string& name) {
  constexpr std::int64_t kMost = 1024;
  const Arrays arrays(pool, p, kMost);
  std::vector<std::byte> whole;
  int failures = 0;
  for (const std::int64_t rows : {kMost, std::int64_t{900}, std::int64_t{77}, std::int64_t{1}}) {
    if (p.part == LinearPart::dw) p.row_class = row_class_of(rows);
    const bool taken = products.multiply(nullptr, p, arrays.operands(p, rows));
    check(cudaDeviceSynchronize(), "product");
    bool same = true;
    if (taken && p.part != LinearPart::dw) {
      const std::int64_t width = p.part == LinearPart::y ? p.out : p.in;
      std::vector<std::byte> part(rows * width * element_bytes(p));
      check(cudaMemcpy(part.data(), arrays.result.data(), part.size(), cudaMemcpyDeviceToHost),
            "copy out");
      if (whole.empty()) whole = part;
      same = std::equal(part.begin(), part.end(), whole.begin());
    }
    std::printf("%s %lld rows: %s%s\n", name.c_str(), static_cast<long long>(rows),
                taken ? "cuBLASLt" : "REFUSED", same ? "" : ", OTHER BYTES THAN IN MORE ROWS");
    if (!taken || !same) std::printf("%s", products.describe(p).c_str());
    // Sums over an odd number of rows are the library's to refuse: the own kernel takes them.
    const bool may_refuse = p.part == LinearPart::dw && rows % 8 != 0;
    failures += (!taken && !may_refuse) || !same;
  }
  return failures;
}

int try_layer(CublasLt& products, MemoryPool& pool, DType dtype, std::int64_t in,
              std::int64_t out) {
  const std::string name = std::string(dtype == DType::bf16 ? "bf16 " : "f32 ") +
                           std::to_string(in) + " to " + std::to_string(out);
  LinearProduct y{LinearPart::y, in, out, dtype, true};
  int failures = try_product(products, pool, y, name + ", y");
  if (dtype == DType::bf16) {
    y.has_gelu = true;
    failures += try_product(products, pool, y, name + ", gelu");
    y.keeps_sum = true;
    failures += try_product(products, pool, y, name + ", gelu and its argument");
  }
  LinearProduct dx{LinearPart::dx, in, out, dtype};
  failures += try_product(products, pool, dx, name + ", dx");
  if (dtype == DType::bf16) {
    dx.undoes_gelu = true;
    failures += try_product(products, pool, dx, name + ", dx through gelu");
  } else {
    dx.rounds = true;
    failures += try_product(products, pool, dx, name + ", dx in TF32");
  }
  failures += try_product(products, pool, {LinearPart::dw, in, out, dtype}, name + ", dw");
  return failures;
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("skipped: no CUDA device\n");
    return 77;
  }
  MemoryPool pool({allocate, release, 512});
  CublasLt products(pool);
  int failures = 0;
  for (const DType dtype : {DType::bf16, DType::f32}) {
    for (const auto& [in, out] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {768, 2304}, {768, 768}, {768, 3072}, {3072, 768}, {128, 384}, {512, 128}}) {
      failures += try_layer(products, pool, dtype, in, out);
    }
  }
  std::printf("%d calls went wrong\n", failures);
  return failures == 0 ? 0 : 1;
}
