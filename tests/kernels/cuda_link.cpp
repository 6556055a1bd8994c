// Links every CUDA kernel into a program and starts it: it must start where no driver is.
// Exit 77 (skipped) where there is no device to describe.
#include <cstdio>

#include "kernels/cuda/runtime/devices.h"

int main() {
  const int devices = dnabird::kernels::cuda::device_count();
  for (int i = 0; i < devices; ++i) {
    std::printf("cuda:%d %s\n", i, dnabird::kernels::cuda::describe_device(i).c_str());
  }
  if (devices == 0) std::printf("skipped: no CUDA device\n");
  return devices == 0 ? 77 : 0;
}
