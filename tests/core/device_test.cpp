#include "core/device.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

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
  const std::vector<std::string> gpus = kernels::usable_gpus(&why_not);
  EXPECT_EQ(open_device("auto", "auto", 1)->name(), gpus.empty() ? "cpu" : gpus[0]);
  EXPECT_TRUE(why_not.empty() || gpus.empty());
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

TEST(DeviceList, OneDeviceIsAListOfOne) {
  EXPECT_EQ(open_devices("cpu", "f32", 1).size(), 1u);
  const AskedDevice cpu("cpu");
  EXPECT_EQ(open_devices("auto", "f32", 1).size(), 1u);
}

TEST(DeviceList, PartsOfTheCpuShareItsThreads) {
  const auto descriptions = [](const char* list, int threads) {
    std::string text;
    for (const auto& kernels : open_devices(list, "f32", threads)) {
      EXPECT_EQ(kernels->name(), "cpu");
      text += kernels->description() + ";";
    }
    return text;
  };
  EXPECT_THAT(descriptions("cpu,cpu", 3), testing::ContainsRegex("2 threads;.* 1 thread;"));
  EXPECT_THAT(descriptions("cpu,cpu,cpu", 1),
              testing::ContainsRegex("1 thread;.* 1 thread;.* 1 thread;"));
}

TEST(DeviceList, TrainsInThePrecisionOfTraining) {
  for (const auto& kernels : open_training_devices("cpu,cpu", "auto", 2)) {
    EXPECT_EQ(kernels->dtype(), kernels::DType::f32);
  }
}

TEST(DeviceList, EveryGpuOrWhyThereIsNone) {
  std::string why_not;
  const std::vector<std::string> gpus = kernels::usable_gpus(&why_not);
  if (gpus.empty()) {
    EXPECT_THAT([] { open_devices("cuda:all", "auto", 0); },
                throws_usage_error("--device cuda:all", "run with --device cpu"));
    return;
  }
  std::vector<std::string> names;
  for (const auto& kernels : open_devices("cuda:all", "auto", 0)) names.push_back(kernels->name());
  EXPECT_EQ(names, gpus);
}

TEST(DeviceList, RefusesWhatMakesNoSense) {
  const auto open = [](const char* list) { return [=] { open_devices(list, "auto", 0); }; };
  EXPECT_THAT(open("cuda:0,,cuda:1"),
              throws_usage_error("--device cuda:0,,cuda:1: item 2 is empty", "cuda:0,cuda:1"));
  EXPECT_THAT(open("cpu,"), throws_usage_error("--device cpu,: item 2 is empty"));
  EXPECT_THAT(open(",cpu"), throws_usage_error("--device ,cpu: item 1 is empty"));
  for (const char* twice : {"cuda:0,cuda:0", "cuda,cuda:0", "cuda:0,cuda:1,cuda:00"}) {
    EXPECT_THAT(open(twice),
                throws_usage_error(std::string("--device ") + twice + ": cuda:0 is named twice",
                                   "name each GPU once"));
  }
  for (const char* mixed : {"cpu,cuda:1", "cuda,cpu", "cpu,cpu,cuda"}) {
    EXPECT_THAT(open(mixed), throws_usage_error("the CPU and GPUs do not share a run"));
  }
  EXPECT_THAT(open("cpu,auto"), throws_usage_error("--device cpu,auto: auto stands alone"));
  EXPECT_THAT(open("cuda:1,cuda:all"), throws_usage_error("cuda:all stands alone"));
  EXPECT_THAT(open("tpu,cpu"), throws_usage_error("--device tpu,cpu: ", "cpu, cuda or cuda:N"));
  EXPECT_THAT(open("cuda:x,cuda:98"), throws_usage_error("--device cuda:x,cuda:98: cuda:x"));
  EXPECT_THAT(open("cuda:98,cuda:99"), throws_usage_error("--device cuda:98,cuda:99: cuda:98"));
  EXPECT_THAT([] { open_devices("cpu,cpu", "f64", 0); }, throws_usage_error("--precision f64"));
  EXPECT_THAT([] { open_devices("cpu,cpu", "f32", -1); }, throws_usage_error("--threads"));
}

TEST(DeviceList, IsRefusedWhereOneDeviceRuns) {
  for (const std::string list : {"cpu,cpu", "cuda:0,cuda:1", "cuda:all"}) {
    EXPECT_THAT([&] { open_device(list, "f32", 1); },
                throws_usage_error("--device " + list + ": this command runs on one device",
                                   "name one of them"));
    EXPECT_THAT([&] { open_training_device(list, "f32", 1); },
                throws_usage_error("--device " + list));
    const AskedDevice several(list.c_str());
    EXPECT_THAT([] { open_devices("auto", "f32", 1); },
                throws_usage_error("DNABIRD_DEVICE=" + list, "name several with --device"));
  }
}

TEST(Require, NamesABug) {
  EXPECT_NO_THROW(require(true, "x"));
  EXPECT_THAT([] { require(false, "x of y"); },
              testing::ThrowsMessage<std::logic_error>(testing::StrEq("bug: x of y")));
}

}  // namespace
}  // namespace dnabird::core
