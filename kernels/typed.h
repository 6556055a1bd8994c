// Typed views of the untyped buffers that a kernel set is given.
#pragma once

namespace dnabird::kernels {

/// A typed pointer of the same constness: `as<T>(args.x)`.
template <class T>
const T* as(const void* memory) {
  return static_cast<const T*>(memory);
}
template <class T>
T* as(void* memory) {
  return static_cast<T*>(memory);
}

}  // namespace dnabird::kernels
