#include "core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/device.h"
#include "kernels/kernel_set.h"

namespace dnabird::core {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

/// On the CPU in f32 and on the reference in f64.
class TensorTest : public ::testing::TestWithParam<const char*> {
 protected:
  TensorTest()
      : kernels_(std::string(GetParam()) == "cpu" ? open_device("cpu", "f32", 1)
                                                  : open_reference()) {}
  Tensor of(const Shape& shape, const std::vector<double>& values) {
    return Tensor::from_host(*kernels_, shape, std::span<const double>(values));
  }
  std::unique_ptr<KernelSet> kernels_;
};

TEST_P(TensorTest, HoldsWhatItWasGiven) {
  const Tensor x = of({2, 3}, {1, 2, 3, 4, 5, 6.5});
  EXPECT_EQ(x.shape(), (Shape{2, 3}));
  EXPECT_EQ(x.size(), 6);
  EXPECT_EQ(x.dim(0), 2);
  EXPECT_EQ(x.dim(1), 3);
  EXPECT_EQ(x.dim(-1), 3);
  EXPECT_EQ(x.dim(-2), 2);
  EXPECT_EQ(x.dtype(), kernels_->dtype());
  EXPECT_EQ(&x.kernels(), kernels_.get());
  EXPECT_THAT(x.to_doubles(), ElementsAre(1, 2, 3, 4, 5, 6.5));
  EXPECT_THAT(x.to_floats(), ElementsAre(1, 2, 3, 4, 5, 6.5f));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.data()) % 64, 0u);
}

TEST_P(TensorTest, ConvertsFromAndToBothPrecisions) {
  const std::vector<float> floats = {0.1f, -2.5f};
  const Tensor x = Tensor::from_host(*kernels_, {2}, std::span<const float>(floats));
  EXPECT_THAT(x.to_floats(), ElementsAre(0.1f, -2.5f));
  EXPECT_THAT(x.to_doubles(), ElementsAre(static_cast<double>(0.1f), -2.5));
}

TEST_P(TensorTest, IntegersAreTheirOwnKind) {
  const std::vector<std::int32_t> values = {3, -1, 7};
  const Tensor ids = Tensor::from_host(*kernels_, {3}, std::span<const std::int32_t>(values));
  EXPECT_EQ(ids.dtype(), DType::i32);
  EXPECT_THAT(ids.to_ints(), ElementsAre(3, -1, 7));
  EXPECT_THAT(ids.to_doubles(), ElementsAre(3, -1, 7));
  EXPECT_NE(ids.ints(), nullptr);
  EXPECT_THROW(of({1}, {1}).ints(), std::logic_error);
}

TEST_P(TensorTest, CopiesShareTheBuffer) {
  Tensor x = of({4}, {1, 2, 3, 4});
  Tensor same = x;
  const Tensor part = x.view(1, {2});
  const Tensor square = x.reshape({2, 2});
  same.set(std::span<const double>(std::vector<double>{5, 6, 7, 8}));
  EXPECT_THAT(x.to_doubles(), ElementsAre(5, 6, 7, 8));
  EXPECT_THAT(part.to_doubles(), ElementsAre(6, 7));
  EXPECT_THAT(square.to_doubles(), ElementsAre(5, 6, 7, 8));
  EXPECT_EQ(square.shape(), (Shape{2, 2}));
  Tensor middle = x.view(1, {2});
  middle.zero();
  EXPECT_THAT(x.to_doubles(), ElementsAre(5, 0, 0, 8));
}

TEST_P(TensorTest, AViewOutlivesItsTensor) {
  Tensor part;
  {
    const Tensor x = of({4}, {1, 2, 3, 4});
    part = x.view(2, {2});
  }
  EXPECT_THAT(part.to_doubles(), ElementsAre(3, 4));
}

TEST_P(TensorTest, CopyFromCopiesValues) {
  const Tensor x = of({2, 2}, {1, 2, 3, 4});
  Tensor y = Tensor::zeros(*kernels_, {4});
  EXPECT_THAT(y.to_doubles(), Each(0.0));
  y.copy_from(x);
  EXPECT_THAT(y.to_doubles(), ElementsAre(1, 2, 3, 4));
  y.zero();
  EXPECT_THAT(x.to_doubles(), ElementsAre(1, 2, 3, 4));
  Tensor fewer = Tensor::zeros(*kernels_, {3});
  EXPECT_THROW(fewer.copy_from(x), std::logic_error);
  Tensor ints = Tensor::empty(*kernels_, {4}, DType::i32);
  EXPECT_THROW(ints.copy_from(x), std::logic_error);
}

TEST_P(TensorTest, EmptyOnesAreHarmless) {
  Tensor none;
  EXPECT_TRUE(none.is_empty());
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_TRUE(none.to_doubles().empty());
  none.zero();
  Tensor zero_rows = Tensor::empty(*kernels_, {0, 5});
  EXPECT_TRUE(zero_rows.is_empty());
  EXPECT_EQ(zero_rows.dim(1), 5);
  EXPECT_TRUE(zero_rows.to_floats().empty());
  zero_rows.copy_from(Tensor::empty(*kernels_, {0}));
}

TEST_P(TensorTest, FloatsThatAreWaitedForLaterAreThoseOfTheCall) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i32}) {
    Tensor x = Tensor::empty(*kernels_, {3}, dtype);
    if (dtype == DType::i32) {
      x.set(std::span<const std::int32_t>(std::vector<std::int32_t>{1, -2, 3}));
    } else {
      x.set(std::span<const float>(std::vector<float>{1, -2, 3}));
    }
    std::future<std::vector<float>> late = x.start_to_floats();
    x.zero();
    EXPECT_EQ(late.get(), (std::vector<float>{1, -2, 3}));
    EXPECT_EQ(x.to_floats(), (std::vector<float>{0, 0, 0}));
  }
  EXPECT_THROW(Tensor::empty(*kernels_, {0}).start_to_floats(), std::logic_error);
}

TEST_P(TensorTest, RefusesShapesThatDoNotFit) {
  const Tensor x = of({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THROW(of({2, 2}, {1, 2, 3}), std::logic_error);
  EXPECT_THROW(Tensor::empty(*kernels_, {2, -1}), std::logic_error);
  EXPECT_THROW(x.reshape({7}), std::logic_error);
  EXPECT_THROW(x.reshape({5}), std::logic_error);
  EXPECT_THROW(x.view(5, {2}), std::logic_error);
  EXPECT_THROW(x.view(-1, {2}), std::logic_error);
  EXPECT_THROW(x.dim(2), std::logic_error);
  EXPECT_THROW(x.dim(-3), std::logic_error);
  EXPECT_THAT(
      [&] {
        of({2, 2}, {1});
      },
      testing::ThrowsMessage<std::logic_error>(testing::HasSubstr("(2,2)")));
}

INSTANTIATE_TEST_SUITE_P(Core, TensorTest, ::testing::Values("cpu", "reference"),
                         [](const auto& device) { return std::string(device.param); });

TEST(Shape, Text) {
  EXPECT_EQ(to_string(Shape{}), "()");
  EXPECT_EQ(to_string(Shape{2, 300, 128}), "(2,300,128)");
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({3, 0}), 0);
}

}  // namespace
}  // namespace dnabird::core
