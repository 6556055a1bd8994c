#include "kernels/reference/dropout.h"

#include "kernels/philox.h"
#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void dropout(const DropoutArgs& a) {
  const std::uint32_t threshold = dropout_threshold(a.draws.p);
  const T scale = static_cast<T>(1.0 / (1.0 - a.draws.p));
  const std::uint64_t stream = dropout_stream(a.draws.step, a.draws.stream);
  for (std::int64_t i = 0; i < a.n; ++i) {
    const bool keep = philox_word(a.draws.seed, stream, static_cast<std::uint64_t>(i)) >= threshold;
    as<T>(a.y)[i] = keep ? as<T>(a.x)[i] * scale : T(0);
  }
}

template void dropout<float>(const DropoutArgs&);
template void dropout<double>(const DropoutArgs&);

}  // namespace dnabird::kernels::reference
