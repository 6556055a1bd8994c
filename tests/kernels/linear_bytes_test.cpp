// What the linear layer promises about bytes, beyond the calls that all ops share: for every number
// of rows up to where calls are cut, and for more threads than there are cores.
#include <gtest/gtest.h>

#include <utility>

#include "support/compare.h"
#include "support/device_test.h"
#include "support/kernel_workspace.h"
#include "support/random_values.h"

namespace dnabird::test {
namespace {

using Values = std::vector<double>;
using Sizes = std::pair<std::int64_t, std::int64_t>;  // in, out

class LinearBytes : public DeviceTest {
 protected:
  /// The layer's inputs; a call takes the first rows of them.
  struct Layer {
    std::int64_t in, out;
    Values x, w, bias, dy;
  };

  static Layer layer(const Sizes& sizes, std::int64_t rows) {
    RandomValues random(21);
    const auto& [in, out] = sizes;
    return {in,
            out,
            random.normals(rows * in),
            random.normals(out * in, 0.2),
            random.normals(out),
            random.normals(rows * out)};
  }
  static Values first(const Values& values, std::int64_t n) {
    return Values(values.begin(), values.begin() + n);
  }

  /// y, dx, dw and dbias of the first `rows` rows.
  static Arrays run(kernels::KernelSet& kernels, const Layer& l, std::int64_t rows) {
    Workspace w(kernels);
    const void *x = w.in(first(l.x, rows * l.in)), *weight = w.parameter(l.w);
    kernels.linear_forward(
        {rows, l.in, l.out, x, weight, w.parameter(l.bias), w.out("y", rows * l.out)});
    kernels.linear_backward({rows, l.in, l.out, x, weight, w.in(first(l.dy, rows * l.out)),
                             w.out("dx", rows * l.in),
                             w.parameter_inout("dw", Values(l.w.size(), 0.5)),
                             w.parameter_inout("dbias", Values(l.out, 0.5))});
    return w.results();
  }

  static void expect_same_rows(const Arrays& part, const Arrays& whole, const Layer& l,
                               std::int64_t rows) {
    EXPECT_TRUE(same_bits(part.at("y"), first(whole.at("y"), rows * l.out)))
        << "y, " << l.in << " to " << l.out << ", " << rows << " rows";
    EXPECT_TRUE(same_bits(part.at("dx"), first(whole.at("dx"), rows * l.in)))
        << "dx, " << l.in << " to " << l.out << ", " << rows << " rows";
  }
};

TEST_P(LinearBytes, rows_have_the_same_bytes_for_every_number_of_rows) {
  for (const Sizes& sizes : {Sizes{128, 40}, {40, 128}, {7, 5}, {1, 3}, {3, 1}}) {
    const std::int64_t most = 330;
    const Layer l = layer(sizes, most);
    const Arrays whole = run(*kernels_, l, most);
    for (std::int64_t rows = 1; rows < most; rows += rows < 34 ? 1 : 29) {
      expect_same_rows(run(*kernels_, l, rows), whole, l, rows);
    }
  }
}

TEST_P(LinearBytes, rows_have_the_same_bytes_in_wide_layers) {
  for (const Sizes& sizes : {Sizes{768, 96}, {1100, 33}}) {
    const std::int64_t most = 300;
    const Layer l = layer(sizes, most);
    const Arrays whole = run(*kernels_, l, most);
    for (const std::int64_t rows : {1, 2, 7, 31, 32, 33, 64, 95, 257}) {
      expect_same_rows(run(*kernels_, l, rows), whole, l, rows);
    }
  }
}

TEST_P(LinearBytes, nothing_depends_on_threads) {
  for (const Sizes& sizes : {Sizes{16, 32}, {32, 16}, {5, 7}, {128, 128}, {300, 70}}) {
    const std::int64_t rows = 2500;  // a library would share this sum out over the threads
    const Layer l = layer(sizes, rows);
    std::string why_not;
    const auto one_thread = open_device(GetParam(), 1, &why_not);
    const Arrays expected = run(*one_thread, l, rows);
    for (const int threads : {2, 3, 7}) {
      const auto kernels = open_device(GetParam(), threads, &why_not);
      for (const auto& [name, values] : run(*kernels, l, rows)) {
        EXPECT_TRUE(same_bits(values, expected.at(name)))
            << name << ", " << l.in << " to " << l.out << ", " << threads << " threads";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinearBytes, kDevices,
                         [](const auto& info) { return std::string(info.param); });
INSTANTIATE_TEST_SUITE_P(KernelsInBf16, LinearBytes, kDevicesInBf16,
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace dnabird::test
