#include "kernels/reference/rows.h"

#include <algorithm>

#include "kernels/typed.h"

namespace dnabird::kernels::reference {

template <class T>
void add(std::int64_t n, const void* a, const void* b, void* y) {
  for (std::int64_t i = 0; i < n; ++i) as<T>(y)[i] = as<T>(a)[i] + as<T>(b)[i];
}

template <class T>
void gather_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index, const void* x,
                 void* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    std::copy_n(as<T>(x) + index[r] * channels, channels, as<T>(y) + r * channels);
  }
}

template <class T>
void scatter_add_rows(std::int64_t rows, std::int64_t channels, const std::int32_t* index,
                      const void* dy, void* dx) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < channels; ++c) {
      as<T>(dx)[index[r] * channels + c] += as<T>(dy)[r * channels + c];
    }
  }
}

template <class T>
void mean_rows(const MeanRowsArgs& a) {
  for (std::int64_t b = 0; b < a.batch; ++b) {
    const std::int64_t count = a.end[b] - a.begin[b];
    for (std::int64_t c = 0; c < a.channels; ++c) {
      T sum = 0;
      for (std::int64_t t = a.begin[b]; t < a.end[b]; ++t) {
        sum += as<T>(a.x)[(b * a.tokens + t) * a.channels + c];
      }
      as<T>(a.y)[b * a.channels + c] = count > 0 ? sum / static_cast<T>(count) : T(0);
    }
  }
}

template void add<float>(std::int64_t, const void*, const void*, void*);
template void add<double>(std::int64_t, const void*, const void*, void*);
template void gather_rows<float>(std::int64_t, std::int64_t, const std::int32_t*, const void*,
                                 void*);
template void gather_rows<double>(std::int64_t, std::int64_t, const std::int32_t*, const void*,
                                  void*);
template void scatter_add_rows<float>(std::int64_t, std::int64_t, const std::int32_t*, const void*,
                                      void*);
template void scatter_add_rows<double>(std::int64_t, std::int64_t, const std::int32_t*, const void*,
                                       void*);
template void mean_rows<float>(const MeanRowsArgs&);
template void mean_rows<double>(const MeanRowsArgs&);

}  // namespace dnabird::kernels::reference
