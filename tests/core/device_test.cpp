#include "core/device.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/errors.h"

namespace dnabird::core {
namespace {

using support::throws_usage_error;

/// Sets DNABIRD_DEVICE for a scope.
class AskedDevice {
 public:
  explicit AskedDevice(const char* name) { setenv("DNABIRD_DEVICE", name, 1); }
  AskedDevice(const AskedDevice&) = delete;
  AskedDevice& operator=(const AskedDevice&) = delete;
  ~AskedDevice() { unsetenv("DNABIRD_DEVICE"); }
};

TEST(Device, AutoIsWhatTheEnvironmentNames) {
  {
    const AskedDevice cpu("cpu");
    EXPECT_EQ(open_device("auto", "f32", 1)->name(), "cpu");
  }
  for (const char* name : {"tpu", "cuda:x"}) {
    const AskedDevice none(name);
    EXPECT_THAT([] { open_device("auto", "f32", 1); },
                throws_usage_error(std::string("DNABIRD_DEVICE=") + name));
    EXPECT_EQ(open_device("cpu", "f32", 1)->name(), "cpu");
  }
}

TEST(Device, TrainingOnTheCpuIsInF32UnlessAsked) {
  EXPECT_EQ(open_training_device("cpu", "auto", 1)->dtype(), kernels::DType::f32);
  if (kernels::has_bf16("cpu")) {
    EXPECT_EQ(open_training_device("cpu", "bf16", 1)->dtype(), kernels::DType::bf16);
  }
}

TEST(Device, AutoIsTheFastestThatIsThere) {
  std::string why_not;
  const std::string fastest = kernels::fastest_device(&why_not);
  EXPECT_TRUE(open_device("auto", "auto", 1)->name().starts_with(fastest));
  EXPECT_TRUE(why_not.empty() || fastest == "cpu");
}

TEST(Device, TheCpuTakesTheFastestPrecisionThatItHas) {
  EXPECT_EQ(open_device("cpu", "f32", 1)->dtype(), kernels::DType::f32);
  EXPECT_EQ(open_device("cpu", "auto", 1)->dtype(),
            kernels::has_bf16("cpu") ? kernels::DType::bf16 : kernels::DType::f32);
}

TEST(Device, Bf16IsRefusedWhereTheProcessorHasNone) {
  if (kernels::has_bf16("cpu")) {
    const auto kernels = open_device("cpu", "bf16", 1);
    EXPECT_EQ(kernels->dtype(), kernels::DType::bf16);
    EXPECT_EQ(kernels->parameter_dtype(), kernels::DType::f32);
  }
  setenv("DNABIRD_ISA", "baseline", 1);
  EXPECT_THAT([] { open_device("cpu", "bf16", 1); },
              throws_usage_error("--precision bf16", "take --precision f32"));
  EXPECT_EQ(open_device("cpu", "auto", 1)->dtype(), kernels::DType::f32);
  unsetenv("DNABIRD_ISA");
}

TEST(Device, ReferenceIsInDouble) {
  EXPECT_EQ(open_reference()->dtype(), kernels::DType::f64);
  EXPECT_EQ(open_reference()->name(), "reference");
}

TEST(Device, RefusesWhatIsNotThere) {
  const auto open = [](const char* device, const char* precision, int threads) {
    return [=] { open_device(device, precision, threads); };
  };
  EXPECT_THAT(open("gpu", "auto", 0), throws_usage_error("--device gpu", "auto, cpu, cuda"));
  EXPECT_THAT(open("", "auto", 0), throws_usage_error("--device"));
  // The oracle of tests is no device of the command line.
  EXPECT_THAT(open("reference", "auto", 0), throws_usage_error("--device reference"));
  EXPECT_THAT(open("cuda:x", "auto", 0), throws_usage_error("--device cuda:x"));
  EXPECT_THAT(open("cpu", "f64", 0), throws_usage_error("--precision f64", "auto, f32 or bf16"));
  EXPECT_THAT(open("cpu", "auto", -1), throws_usage_error("--threads"));
  EXPECT_THAT(open("cpu", "auto", 1025), throws_usage_error("--threads: 1025", "1024"));
}

TEST(Device, ThreadsAreThoseAsked) {
  EXPECT_THAT(open_device("cpu", "auto", 1)->description(), testing::HasSubstr("1 thread"));
  EXPECT_THAT(open_device("cpu", "auto", 3)->description(), testing::HasSubstr("3 threads"));
}

TEST(Require, NamesABug) {
  EXPECT_NO_THROW(require(true, "x"));
  EXPECT_THAT([] { require(false, "x of y"); },
              testing::ThrowsMessage<std::logic_error>(testing::StrEq("bug: x of y")));
}

}  // namespace
}  // namespace dnabird::core
