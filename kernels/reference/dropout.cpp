#include "kernels/reference/dropout.h"

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void dropout(const DropoutArgs& a) {
  const ElementDropout<T> drop(a.draws);
  for (std::int64_t i = 0; i < a.n; ++i) as<T>(a.y)[i] = drop(i, as<T>(a.x)[i]);
}

template void dropout<float>(const DropoutArgs&);
template void dropout<double>(const DropoutArgs&);

}  // namespace dnabird::kernels::reference
