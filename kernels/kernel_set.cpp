// What a kernel set does unless its device knows better.
#include "kernels/kernel_set.h"

#include <stdexcept>
#include <vector>

namespace dnabird::kernels {

namespace {

/// Bytes that were there at once.
class CopiedBytes final : public HostCopy {
 public:
  explicit CopiedBytes(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  const void* wait() override { return bytes_.data(); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f64:
      return 8;
    case DType::bf16:
      return 2;
  }
  throw std::invalid_argument("no such element type");
}

KernelSet& KernelSet::in(DType dtype) {
  if (dtype == this->dtype()) return *this;
  throw std::invalid_argument("bug: " + name() + " has no kernels for elements of this type");
}

std::unique_ptr<HostCopy> KernelSet::start_copy_out(const void* device, std::size_t bytes) {
  std::vector<std::byte> host(bytes);
  copy_out(host.data(), device, bytes);
  return std::make_unique<CopiedBytes>(std::move(host));
}

std::unique_ptr<CapturedWork> KernelSet::capture(const std::function<void()>&) { return nullptr; }

}  // namespace dnabird::kernels
