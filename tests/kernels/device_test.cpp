// The second link of the chain of proof: every op of a device against the reference in double, on
// the same float inputs; and what the kernel set promises about bytes.
#include <gtest/gtest.h>

#include <tuple>
#include <utility>
#include <vector>

#include "support/compare.h"
#include "support/device_test.h"
#include "support/op_families.h"

namespace dnabird::test {
namespace {

using DeviceAndOps = std::tuple<std::string, OpFamily>;

class Device : public ::testing::TestWithParam<DeviceAndOps> {
 protected:
  void SetUp() override {
    reference_ = kernels::make_kernel_set("reference", kernels::DType::f64, 1);
    std::string why_not;
    one_thread_ = open_device(std::get<0>(GetParam()), 1, &why_not);
    two_threads_ = open_device(std::get<0>(GetParam()), 2, &why_not);
    if (!two_threads_) GTEST_SKIP() << why_not;
  }
  /// For bf16 with inputs that are bf16, so that both sides get the same numbers.
  std::vector<Op> ops() const {
    std::vector<Op> all = std::get<1>(GetParam()).ops();
    if (!computes_in_bf16(std::get<0>(GetParam()))) return all;
    for (Op& op : all) {
      for (auto& [name, values] : op.inputs) {
        for (double& value : values) {
          kernels::Bf16 rounded;
          kernels::assign(rounded, static_cast<float>(value));
          value = kernels::to_float(rounded);
        }
      }
    }
    return all;
  }
  double tolerance() const { return kernel_tolerance(std::get<0>(GetParam())); }

  /// What forward leaves for backward, as floats, so that both sides get the same numbers.
  Arrays saved(const Op& op) {
    Arrays arrays = op.forward(*reference_, op, 0);
    for (auto& [name, values] : arrays) {
      for (double& v : values) v = static_cast<float>(v);
    }
    return arrays;
  }

  void expect_close(const Arrays& actual, const Arrays& expected, const std::string& what) {
    ASSERT_EQ(actual.size(), expected.size()) << what;
    for (const auto& [name, values] : expected) {
      EXPECT_TRUE(close(actual.at(name), values, tolerance())) << what << ": " << name;
    }
  }

  std::unique_ptr<kernels::KernelSet> reference_, one_thread_, two_threads_;
};

void expect_same_bits(const Arrays& actual, const Arrays& expected, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (const auto& [name, values] : expected) {
    EXPECT_TRUE(same_bits(actual.at(name), values)) << what << ": " << name;
  }
}

/// (first, count): single rows, and a part that ends where no vector or tile does.
std::vector<std::pair<std::int64_t, std::int64_t>> row_ranges(std::int64_t rows) {
  return {{0, 1}, {rows / 3, 1}, {rows - 1, 1}, {rows / 5, rows - rows / 5 - rows / 7}};
}

TEST_P(Device, forward_matches_reference) {
  for (const Op& op : ops()) {
    expect_close(op.forward(*two_threads_, op, 0), op.forward(*reference_, op, 0), op.name);
  }
}

TEST_P(Device, forward_gives_the_same_bytes_for_any_number_of_threads) {
  for (const Op& op : ops()) {
    expect_same_bits(op.forward(*two_threads_, op, 0), op.forward(*one_thread_, op, 0), op.name);
  }
}

TEST_P(Device, forward_takes_views_at_any_element) {
  for (const Op& op : ops()) {
    expect_close(op.forward(*two_threads_, op, 1), op.forward(*reference_, op, 0), op.name);
  }
}

TEST_P(Device, forward_gives_a_row_the_same_bytes_alone_and_among_others) {
  for (const Op& op : ops()) {
    if (op.rows == 0 || op.by_row.empty()) continue;
    const Arrays whole = op.forward(*two_threads_, op, 0);
    for (const auto& [first, count] : row_ranges(op.rows)) {
      const Op part = row_slice(op, first, count);
      for (const auto& [name, values] : part.forward(*two_threads_, part, 0)) {
        EXPECT_TRUE(same_bits(values, rows_of(whole.at(name), op, first, count)))
            << op.name << ": " << name << " of " << count << " rows from " << first;
      }
    }
  }
}

std::string device_and_family(const ::testing::TestParamInfo<DeviceAndOps>& info) {
  return std::get<0>(info.param) + "_" + std::get<1>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Device,
                         ::testing::Combine(kDevices,
                                            ::testing::ValuesIn(device_families_with_backward())),
                         device_and_family);
INSTANTIATE_TEST_SUITE_P(
    KernelsWithoutBackward, Device,
    ::testing::Combine(kDevices, ::testing::ValuesIn(device_families_without_backward())),
    device_and_family);

INSTANTIATE_TEST_SUITE_P(KernelsInBf16, Device,
                         ::testing::Combine(kDevicesInBf16,
                                            ::testing::ValuesIn(families_of_activations())),
                         device_and_family);

/// Ops that have a backward.
class DeviceBackward : public Device {
 protected:
  Arrays gradients(kernels::KernelSet& kernels, const Op& op, const GradientRequest& request = {}) {
    return op.backward(kernels, op, saved(op), request);
  }
};

TEST_P(DeviceBackward, matches_reference) {
  for (const Op& op : ops()) {
    expect_close(gradients(*two_threads_, op), gradients(*reference_, op), op.name);
  }
}

TEST_P(DeviceBackward, accumulates_like_the_reference) {
  for (const Op& op : ops()) {
    const GradientRequest request{.start = 0.75};
    expect_close(gradients(*two_threads_, op, request), gradients(*reference_, op, request),
                 op.name);
  }
}

TEST_P(DeviceBackward, gives_the_same_bytes_for_any_number_of_threads) {
  for (const Op& op : ops()) {
    expect_same_bits(gradients(*two_threads_, op), gradients(*one_thread_, op), op.name);
  }
}

TEST_P(DeviceBackward, takes_views_at_any_element) {
  for (const Op& op : ops()) {
    expect_close(gradients(*two_threads_, op, {.offset = 1}), gradients(*reference_, op), op.name);
  }
}

/// A null gradient means "not wanted": the others are the same without it.
TEST_P(DeviceBackward, gives_each_gradient_alone) {
  for (const Op& op : ops()) {
    const Arrays all = gradients(*two_threads_, op);
    if (all.size() < 2) continue;
    for (const auto& [wanted, values] : all) {
      GradientRequest request;
      for (const auto& [name, ignored] : all) {
        if (name != wanted) request.unwanted.insert(name);
      }
      const Arrays alone = gradients(*two_threads_, op, request);
      EXPECT_TRUE(close(alone.at(wanted), values, tolerance())) << op.name << ": " << wanted;
    }
  }
}

/// Gradients of activations belong to rows; those of parameters sum over them.
TEST_P(DeviceBackward, gives_a_row_the_same_bytes_alone_and_among_others) {
  for (const Op& op : ops()) {
    if (op.rows == 0 || op.by_row.empty()) continue;
    const Arrays whole = gradients(*two_threads_, op);
    const Arrays saved_whole = saved(op);
    for (const auto& [first, count] : row_ranges(op.rows)) {
      const Op part = row_slice(op, first, count);
      Arrays saved_part;
      for (const auto& [name, values] : saved_whole) {
        saved_part[name] = rows_of(values, op, first, count);
      }
      for (const auto& [name, values] : part.backward(*two_threads_, part, saved_part, {})) {
        if (!op.by_row.contains(name)) continue;
        EXPECT_TRUE(same_bits(values, rows_of(whole.at(name), op, first, count)))
            << op.name << ": gradient of " << name << ", " << count << " rows from " << first;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(KernelsInBf16, DeviceBackward,
                         ::testing::Combine(kDevicesInBf16,
                                            ::testing::ValuesIn(families_of_activations())),
                         device_and_family);
INSTANTIATE_TEST_SUITE_P(Kernels, DeviceBackward,
                         ::testing::Combine(kDevices,
                                            ::testing::ValuesIn(device_families_with_backward())),
                         device_and_family);

}  // namespace
}  // namespace dnabird::test
