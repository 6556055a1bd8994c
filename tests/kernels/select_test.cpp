// Which devices this build has, and what it says of the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include "kernels/kernel_set.h"

namespace dnabird::test {
namespace {

using kernels::DType;
using ::testing::HasSubstr;

std::string refusal(const std::string& device, DType dtype) {
  try {
    kernels::make_kernel_set(device, dtype, 1);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Select, sizes_of_elements) {
  EXPECT_EQ(kernels::size_of(DType::f32), 4u);
  EXPECT_EQ(kernels::size_of(DType::f64), 8u);
  EXPECT_EQ(kernels::size_of(DType::i32), 4u);
}

TEST(Select, cpu_computes_in_f32_only) {
  const auto kernels = kernels::make_kernel_set("cpu", DType::f32, 1);
  EXPECT_EQ(kernels->name(), "cpu");
  EXPECT_EQ(kernels->dtype(), DType::f32);
  EXPECT_FALSE(kernels->description().empty());
  EXPECT_NE(refusal("cpu", DType::f64), "");
}

/// Sets DNABIRD_ISA for a scope.
class AskedIsa {
 public:
  explicit AskedIsa(const char* name) { setenv("DNABIRD_ISA", name, 1); }
  AskedIsa(const AskedIsa&) = delete;
  AskedIsa& operator=(const AskedIsa&) = delete;
  ~AskedIsa() { unsetenv("DNABIRD_ISA"); }
};

TEST(Select, cpu_takes_the_instruction_set_that_the_environment_names) {
  const AskedIsa baseline("baseline");
  EXPECT_EQ(kernels::make_kernel_set("cpu", DType::f32, 3)->description(),
            "baseline, f32, 3 threads");
}

TEST(Select, cpu_refuses_an_instruction_set_that_is_none) {
  for (const char* name : {"sse9", "AVX2", "avx", "avx5", "avx512_bf"}) {
    const AskedIsa isa(name);
    EXPECT_THAT(refusal("cpu", DType::f32),
                HasSubstr("expected baseline, avx2, avx512 or avx512_bf16"))
        << name;
  }
  const AskedIsa none("");  // as if it were not set
  EXPECT_EQ(refusal("cpu", DType::f32), "");
}

TEST(Select, reference_computes_in_f32_and_f64) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto kernels = kernels::make_kernel_set("reference", dtype, 1);
    EXPECT_EQ(kernels->name(), "reference");
    EXPECT_EQ(kernels->dtype(), dtype);
  }
  EXPECT_NE(refusal("reference", DType::i32), "");
}

TEST(Select, cuda_is_refused_in_one_line_that_says_what_to_do) {
  std::string why_not;
  const bool usable = !kernels::usable_gpus(&why_not).empty();
  for (const char* device : {"cuda:98", "cuda:99"}) {
    const std::string message = refusal(device, DType::f32);
    EXPECT_THAT(message, HasSubstr(usable ? "cuda:0" : "--device cpu")) << device;
    EXPECT_EQ(message.find('\n'), std::string::npos) << device;
  }
}

TEST(Select, unknown_devices_are_refused) {
  for (const char* device : {"", "gpu", "cudas", "CPU"}) {
    EXPECT_NE(refusal(device, DType::f32), "") << device;
  }
}

TEST(Select, describes_every_device_a_user_can_name) {
  const std::string text = kernels::describe_devices();
  EXPECT_THAT(text, HasSubstr("cpu: "));
  EXPECT_THAT(text, HasSubstr("cuda: "));
}

}  // namespace
}  // namespace dnabird::test
